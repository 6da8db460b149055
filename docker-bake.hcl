# Builds all images for amd64 and arm64: docker buildx bake. docs/images.md describes the commands and the variables.
variable "VERSION" { default = "2.0.0.dev0" }
variable "DEBIAN" { default = "debian:bookworm-slim" }
variable "RUST" { default = "rust:1-bookworm" }
variable "HASKELL" { default = "haskell:9" }
variable "ALPINE" { default = "alpine:3" }

# The same form of tags as magicpak 1.4 has: magicpak/debian:bookworm-slim-magicpak2.0.0.
function "tags" {
  params = [name, base]
  result = ["magicpak/${name}:${regex("[^:/]+$", base)}-magicpak${VERSION}", "magicpak/${name}:latest"]
}

group "default" {
  targets = ["debian", "cc", "rust", "haskell", "alpine"]
}

target "common" {
  platforms = ["linux/amd64", "linux/arm64"]
  args      = { VERSION = VERSION, DEBIAN = DEBIAN, RUST = RUST, HASKELL = HASKELL, ALPINE = ALPINE }
}

target "debian" {
  inherits = ["common"]
  target   = "debian"
  tags     = tags("debian", DEBIAN)
}

target "cc" {
  inherits = ["common"]
  target   = "cc"
  tags     = tags("cc", DEBIAN)
}

target "rust" {
  inherits = ["common"]
  target   = "rust"
  tags     = tags("rust", RUST)
}

target "haskell" {
  inherits = ["common"]
  target   = "haskell"
  tags     = tags("haskell", HASKELL)
}

target "alpine" {
  inherits = ["common"]
  target   = "alpine"
  tags     = tags("alpine", ALPINE)
}
