// swift-tools-version: 6.2
import PackageDescription

/// Set by the tests: a warning is an error then. Not for users, whose compiler may be newer.
let isStrict = Context.environment["MAMMOFS_STRICT"] == "1"

let strict: [SwiftSetting] =
  [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
  ] + (isStrict ? [.treatAllWarnings(as: .error)] : [])
let strictC: [CSetting] = isStrict ? [.treatAllWarnings(as: .error)] : []

let package = Package(
  name: "mammofs",
  products: [
    .executable(name: "mammofs", targets: ["mammofs"]),
    .library(name: "FuseKit", targets: ["FuseKit"]),
    .library(name: "StorageCore", targets: ["StorageCore"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
    .package(url: "https://github.com/apple/swift-system", from: "1.8.1"),
  ],
  targets: [
    .systemLibrary(name: "CFuse", pkgConfig: "fuse3", providers: [.apt(["libfuse3-dev"])]),
    .target(name: "CLinux", cSettings: strictC),
    .target(
      name: "FuseKit",
      dependencies: ["CFuse", .product(name: "SystemPackage", package: "swift-system")],
      swiftSettings: strict),
    .target(
      name: "StorageCore",
      dependencies: [
        "CLinux",
        .product(name: "Crypto", package: "swift-crypto"),
        .product(name: "SystemPackage", package: "swift-system"),
      ],
      swiftSettings: strict),
    .target(
      name: "MammoMount",
      dependencies: [
        "CLinux", "FuseKit", "StorageCore",
        .product(name: "Logging", package: "swift-log"),
        .product(name: "SystemPackage", package: "swift-system"),
      ],
      swiftSettings: strict),
    .executableTarget(
      name: "mammofs",
      dependencies: [
        "CLinux", "MammoMount", "StorageCore",
        .product(name: "Crypto", package: "swift-crypto"),
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
        .product(name: "Logging", package: "swift-log"),
        .product(name: "SystemPackage", package: "swift-system"),
      ],
      swiftSettings: strict),
    .testTarget(
      name: "FuseKitTests",
      dependencies: ["FuseKit", .product(name: "SystemPackage", package: "swift-system")],
      swiftSettings: strict),
    .testTarget(
      name: "StorageCoreTests",
      dependencies: [
        "CLinux", "StorageCore",
        .product(name: "Crypto", package: "swift-crypto"),
        .product(name: "SystemPackage", package: "swift-system"),
      ],
      swiftSettings: strict),
    .testTarget(
      name: "MammoMountTests",
      dependencies: [
        "CLinux", "FuseKit", "MammoMount", "StorageCore",
        .product(name: "Logging", package: "swift-log"),
        .product(name: "SystemPackage", package: "swift-system"),
      ],
      exclude: ["Tree/matrix.txt"], swiftSettings: strict),
    .testTarget(name: "ProjectTests", swiftSettings: strict),
    .testTarget(name: "MountedTests", dependencies: ["StorageCore"], swiftSettings: strict),
  ],
  swiftLanguageModes: [.v6]
)
