import Glibc

/// The command line, as `Benchmarks/run` writes it.
struct Options {
  var command = ""
  var targets: [Target] = []
  var facts: [Results.Fact] = []
  var only: [String] = []
  var rounds = 5
  var sizes = Sizes.full
  /// Folder for what is made during a run: sources to copy from, stores of their own.
  var work = ""
  /// Folder of files to copy from; none means generated ones.
  var samples: [String] = []
  var binary = ""
  var out = ""
  var pids = "/dev/null"

  init(_ arguments: [String]) throws(Failure) {
    var rest = arguments[...]
    func value(of option: String) throws(Failure) -> String {
      guard let value = rest.popFirst() else { throw Failure("\(option) needs a value") }
      return value
    }
    command = rest.popFirst() ?? ""
    while let option = rest.popFirst() {
      switch option {
      case "--quick": sizes = .quick
      case "--target":
        let (name, path) = try Self.pair(value(of: option))
        guard let kind = Target.Kind(rawValue: name) else { throw Failure("no such target: \(name)") }
        targets.append(Target(kind: kind, path: path))
      case "--fact":
        let (name, text) = try Self.pair(value(of: option))
        facts.append(Results.Fact(name: name, value: text))
      case "--only": only.append(try value(of: option))
      case "--rounds":
        guard let count = Int(try value(of: option)), count > 0 else { throw Failure("--rounds needs a number") }
        rounds = count
      case "--work": work = try value(of: option)
      case "--samples":
        let folder = try value(of: option)
        samples = try Paths.names(in: folder).filter { $0.hasSuffix(".dcm") }.sorted().map { "\(folder)/\($0)" }
      case "--binary": binary = try value(of: option)
      case "--out": out = try value(of: option)
      case "--pids": pids = try value(of: option)
      default: throw Failure("unknown option \(option)")
      }
    }
  }

  private static func pair(_ text: String) throws(Failure) -> (String, String) {
    guard let equals = text.firstIndex(of: "=") else { throw Failure("\(text) should be NAME=VALUE") }
    return (String(text[..<equals]), String(text[text.index(after: equals)...]))
  }
}
