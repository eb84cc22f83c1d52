// swift-tools-version: 6.2
import PackageDescription

let package = Package(
  name: "mammobench",
  targets: [
    .systemLibrary(name: "CLinux"),
    .executableTarget(
      name: "mammobench",
      dependencies: ["CLinux"],
      swiftSettings: [
        .enableUpcomingFeature("ExistentialAny"),
        .enableUpcomingFeature("MemberImportVisibility"),
      ]),
  ],
  swiftLanguageModes: [.v6]
)
