// swift-tools-version: 6.2
import PackageDescription

let package = Package(
  name: "mammobench",
  targets: [
    .executableTarget(
      name: "mammobench",
      swiftSettings: [
        .enableUpcomingFeature("ExistentialAny"),
        .enableUpcomingFeature("MemberImportVisibility"),
      ])
  ],
  swiftLanguageModes: [.v6]
)
