// swift-tools-version: 6.2
import PackageDescription

/// The toolchain's libFuzzer, which `Fuzzing/run` looks for.
let runtime = Context.environment["FUZZER_RUNTIME"] ?? "libclang_rt.fuzzer_no_main.a"

/// Built in this package, from the same sources, so that they count which branches an input reaches.
let counting: [SwiftSetting] = [
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .unsafeFlags(["-sanitize=fuzzer,address", "-enable-testing"]),
]
let system = Target.Dependency.product(name: "SystemPackage", package: "swift-system")
let crypto = Target.Dependency.product(name: "Crypto", package: "swift-crypto")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")

let package = Package(
  name: "fuzzing",
  dependencies: [
    .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
    .package(url: "https://github.com/apple/swift-system", from: "1.8.1"),
  ],
  targets: [
    .systemLibrary(name: "CFuse", pkgConfig: "fuse3"),
    .target(name: "CLinux"),
    .target(name: "FuseKit", dependencies: ["CFuse", system], swiftSettings: counting),
    .target(name: "StorageCore", dependencies: ["CLinux", crypto, system], swiftSettings: counting),
    .target(
      name: "MammoMount", dependencies: ["CLinux", "FuseKit", "StorageCore", logging, system],
      swiftSettings: counting),
    .systemLibrary(name: "CFuzzer"),
    .executableTarget(
      name: "fuzz", dependencies: ["CFuzzer", "FuseKit", "StorageCore", "MammoMount", logging, system],
      swiftSettings: [.unsafeFlags(["-sanitize=address"])],
      // Without its `main`, since a Swift program has one.
      linkerSettings: [
        .unsafeFlags(["-sanitize=address", runtime, "-lstdc++", "-lm"])
      ]),
  ],
  swiftLanguageModes: [.v6]
)
