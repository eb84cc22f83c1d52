import Testing

@testable import FuseKit

@Suite("Who leads")
struct CrewTests {
  @Test("The first worker leads, the second waits")
  func firstLeads() {
    var crew = Crew(limit: 4, spare: 2)
    #expect(crew.replaceLeader() == .start)
    #expect(crew.arrive() == .lead)
    #expect(crew.handOver() == .start)
    #expect(crew.arrive() == .lead)
    #expect(crew.arrive() == .park)
    #expect(crew.threads == 2)
  }

  @Test("A parked worker is woken before a thread is started")
  func wakesBeforeStarting() {
    var crew = led(by: 1, parked: 1)
    #expect(crew.handOver() == .wake)
    #expect(crew.look() == .lead)
    #expect(crew.idle == 0)
  }

  @Test("At the limit the leader keeps the lead, and the watch may still replace it")
  func limit() {
    var crew = Crew(limit: 1, spare: 1)
    _ = crew.replaceLeader()
    _ = crew.arrive()
    #expect(crew.handOver() == .keep)
    #expect(crew.replaceLeader() == .start)
    #expect(crew.threads == 2)
  }

  @Test("Workers beyond the spare ones leave")
  func spareWorkersLeave() {
    var crew = led(by: 1, parked: 2)
    #expect(crew.spare == 2)
    _ = crew.replaceLeader()
    #expect(crew.look() == .lead)
    #expect(crew.arrive() == .park)
    let before = crew.threads
    _ = crew.handOver()
    _ = crew.look()
    _ = crew.arrive()
    #expect(crew.arrive() == .leave)
    #expect(crew.threads == before - 1)
  }

  @Test("After the end everybody leaves, parked or not")
  func end() {
    var crew = led(by: 1, parked: 2)
    crew.end()
    #expect(crew.look() == .leave)
    #expect(crew.look() == .leave)
    #expect(crew.arrive() == .leave)
    #expect(crew.threads == 0)
    #expect(crew.handOver() == .keep)
    #expect(crew.replaceLeader() == .keep)
  }

  @Test("A thread that cannot be started leaves the lead with the leader")
  func failedStart() {
    var crew = Crew(limit: 2, spare: 1)
    _ = crew.replaceLeader()
    _ = crew.arrive()
    #expect(crew.handOver() == .start)
    let leadsAgain = crew.failedToStart(leaderIsHere: true)
    #expect(leadsAgain)
    #expect(crew.isLed && crew.threads == 1)
    _ = crew.replaceLeader()
    let leads = crew.failedToStart(leaderIsHere: false)
    #expect(!leads)
    #expect(crew.isAbandoned)
  }

  @Test("Whatever happens, somebody leads or is on the way", arguments: 1...20)
  func invariant(seed: Int) {
    var random = SmallRandom(state: UInt64(seed))
    var crew = Crew(limit: 3, spare: 2)
    /// Threads that were started or woken and have not asked yet, and those that serve with no lead.
    var starting = 1
    var serving = 0
    _ = crew.replaceLeader()
    for _ in 0..<2000 {
      switch random.next() % 5 {
      case 0 where starting > 0:
        starting -= 1
        _ = crew.arrive()
      case 1 where crew.idle > 0: _ = crew.look()
      case 2 where crew.isLed:
        switch crew.handOver() {
        case .keep: break
        case .start:
          starting += 1
          serving += 1
        case .wake: serving += 1
        }
      case 3 where crew.isLed:
        if crew.replaceLeader() == .start { starting += 1 }
        serving += 1
      case 4 where serving > 0:
        serving -= 1
        _ = crew.arrive()
      default: break
      }
      #expect(crew.isLed || starting > 0 || crew.idle > 0)
      #expect(crew.idle <= crew.spare)
      #expect(crew.threads == starting + serving + crew.idle + (crew.isLed ? 1 : 0))
    }
  }

  /// A crew with one leader and `parked` workers that wait.
  private func led(by leaders: Int, parked: Int) -> Crew {
    var crew = Crew(limit: 8, spare: 2)
    for _ in 0...parked { _ = crew.replaceLeader() == .start }
    for _ in 0...parked { _ = crew.arrive() }
    return crew
  }
}

/// A generator that gives the same numbers each time.
struct SmallRandom {
  var state: UInt64

  mutating func next() -> UInt64 {
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return state >> 33
  }
}

@Suite("What the watch sees")
struct WatchTests {
  @Test("The same request twice in a row is stuck, another is not")
  func stuck() {
    let beat = Beat()
    var suspicion = Suspicion()
    var verdict: Suspicion.Verdict
    verdict = suspicion.look(at: beat.now)
    #expect(verdict == .rest)
    let first = beat.begin(.read)
    verdict = suspicion.look(at: beat.now)
    #expect(verdict == .lookAgain)
    let isFirst = beat.end(first)
    #expect(isFirst)
    let second = beat.begin(.read)
    #expect(first != second)
    verdict = suspicion.look(at: beat.now)
    #expect(verdict == .lookAgain)
    verdict = suspicion.look(at: beat.now)
    #expect(verdict == .stuck(second))
    #expect(second.opcode == .read)
  }

  @Test("Either the leader or the watch ends a request, never both")
  func oneEnds() {
    let beat = Beat()
    let mark = beat.begin(.lookup)
    let first = beat.end(mark)
    let second = beat.end(mark)
    let after = beat.now
    let next = beat.begin(.lookup)
    #expect(first && !second)
    #expect(!after.isServing)
    #expect(next != mark)
  }
}

@Suite("How long the leader tries")
struct PatienceTests {
  @Test("At first it sleeps at once")
  func first() { #expect(Patience(ceiling: 1000).tries == 0) }

  @Test("A request that follows closely is worth all tries, a pause halves them")
  func pauses() {
    var patience = Patience(ceiling: 1000)
    patience.arrived(after: 50_000)
    #expect(patience.tries == 1000)
    patience.arrived(after: 1_000_000_000)
    #expect(patience.tries == 500)
    patience.arrived(after: 50_000)
    #expect(patience.tries == 1000)
  }

  @Test("Where requests come now and then it soon sleeps at once", arguments: [1, 100, 1000, 100_000])
  func givenUp(ceiling: Int) {
    var patience = Patience(ceiling: ceiling)
    patience.arrived(after: 1)
    var pauses = 0
    while patience.tries > 0, pauses < 100 {
      patience.arrived(after: 1_000_000_000)
      pauses += 1
    }
    #expect(patience.tries == 0)
    #expect(pauses <= 20)
  }

  @Test("A ceiling of 0 never polls")
  func off() {
    var patience = Patience(ceiling: 0)
    for _ in 0..<10_000 {
      patience.arrived(after: 1)
      #expect(patience.tries == 0)
    }
  }

  @Test(
    "The way by which requests come sooner is found and kept",
    arguments: [(10_000, 80_000, 1.0), (80_000, 10_000, 0.0)])
  func bandit(polled: UInt64, slept: UInt64, expected: Double) {
    var patience = Patience(ceiling: 1000)
    var polls = 0
    for request in 0..<50_000 {
      if patience.tries > 0, request >= 10_000 { polls += 1 }
      patience.arrived(after: patience.tries > 0 ? polled : slept)
    }
    #expect(abs(Double(polls) / 40_000 - expected) < 0.02)
  }

  @Test("When the better way changes, so does the choice")
  func change() {
    var patience = Patience(ceiling: 1000)
    for _ in 0..<20_000 { patience.arrived(after: patience.tries > 0 ? 10_000 : 80_000) }
    var polls = 0
    for _ in 0..<50_000 {
      if patience.tries > 0 { polls += 1 }
      patience.arrived(after: patience.tries > 0 ? 80_000 : 10_000)
    }
    #expect(polls < 15_000)
  }
}

@Suite("Company")
struct CompanyTests {
  /// Which of these requests, each of so many bytes moved or none and waiting or not, are given away.
  private func given(_ company: inout Company, _ requests: [(moves: Bool, wasWaiting: Bool)]) -> [Bool] {
    requests.map { company.arrived(moves: $0.moves, wasWaiting: $0.wasWaiting) }
  }

  @Test("A lone caller that moves bytes is served by the leader")
  func alone() {
    var company = Company()
    #expect(!given(&company, Array(repeating: (true, false), count: 1000)).contains(true))
  }

  @Test("Once somebody has waited meanwhile the next ones are given away, and then one is kept to look again")
  func together() {
    var company = Company()
    let round = Company.handOversAtATime + 1
    let given = given(&company, Array(repeating: (true, true), count: 10 * round))
    #expect(given.enumerated().allSatisfy { $1 == ($0 % round != 0) })
    #expect(self.given(&company, Array(repeating: (true, false), count: 1000)).allSatisfy { !$0 })
  }

  @Test("A small request that waited is company as well; one that waited after something else is not")
  func others() {
    var company = Company()
    #expect(given(&company, [(true, false), (false, true), (true, false)]) == [false, false, true])
    company = Company()
    #expect(
      given(&company, [(false, true), (true, true), (false, false), (true, true)]) == [false, false, false, false])
    company.paused()
    #expect(given(&company, [(false, true), (true, false)]) == [false, false])
  }
}

@Suite("Options")
struct MountOptionsTests {
  @Test("Commas and backslashes of a name are kept from libfuse's parser")
  func escape() {
    let options = MountOptions(name: #"a,b\c"#, type: "t", options: ["ro", "noatime"])
    #expect(options.argument == #"fsname=a\,b\\c,subtype=t,ro,noatime"#)
  }
}
