/// The numbers of workers, from 0: the smallest one that is free is taken first.
struct WorkerNumbers {
  private var taken: [Bool] = []

  mutating func take() -> Int {
    if let free = taken.firstIndex(of: false) {
      taken[free] = true
      return free
    }
    taken.append(true)
    return taken.count - 1
  }

  mutating func giveBack(_ number: Int) { taken[number] = false }
}
