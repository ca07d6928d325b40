#!/usr/bin/env bash
# Writes an SBOM (CycloneDX) of the crates in each program: hello-native, hello-host, both components, and hello-wasm, which is the
# hello-host of that image, without a compiler. The same Cargo.lock and target result in the same bytes.
#
# usage: scripts/sbom.sh FOLDER [TARGET]    TARGET of the programs; that of this machine by default
#
# cargo-cyclonedx would add the features of the whole workspace: tokio and hyper to a component.
set -euo pipefail
cd "$(dirname "$0")/.."
command -v jq >/dev/null || { echo "an SBOM needs jq, which is not on PATH; install it: https://jqlang.org/download" >&2; exit 1; }

folder=$1 target=${2:-$(rustc --print host-tuple)}

sbom() { # file, target, package and its features
  local file=$folder/$1.cdx.json target=$2
  shift 2
  cargo tree --locked --target "$target" --edges normal,no-proc-macro --prefix depth --format $'\t{p}\t{l}\t{r}' --package "$@" |
    jq --raw-input --null-input --rawfile lock Cargo.lock --arg target "$target" --arg package "$*" '
      # Members of the workspace are not on crates.io and have no checksum.
      ($lock | [scan("name = \"(.*)\"\nversion = \"(.*)\"\nsource = .*\nchecksum = \"(.*)\"")]
        | map({key: "\(.[0])@\(.[1])", value: .[2]}) | from_entries) as $checksums
      # Each line has a depth, a package, its licences and its repository. Its parent is the last line before it with a lower depth.
      | [inputs | select(. != "") | split("\t") | {
          depth: .[0] | tonumber,
          id: (.[1] | split(" ") | "\(.[0])@\(.[1][1:])"),
          license: .[2] | sub(" \\(\\*\\)$"; "") | gsub(" ?/ ?"; " OR "),
          repository: .[3] | sub(" \\(\\*\\)$"; "")
        }] as $lines
      | (reduce $lines[] as $line ({path: [], edges: {}};
          .path = .path[:$line.depth] + [$line.id]
          | if $line.depth == 0 then . else .edges[.path[-2]] += [$line.id] end)) as {$edges}
      | ($lines | unique_by(.id) | map(
          . as {$id, $license, $repository} | $checksums[$id] as $checksum | ($id / "@") as [$name, $version]
          | {type: "library", "bom-ref": $id, name: $name, version: $version}
          + (if $checksum then {hashes: [{alg: "SHA-256", content: $checksum}]} else {} end)
          + {licenses: [{expression: $license}]}
          + (if $checksum then {purl: "pkg:cargo/\($name)@\($version | @uri)"} else {} end)
          + (if $repository == "" then {} else {externalReferences: [{type: "vcs", url: $repository}]} end)
        )) as $components
      | $lines[0].id as $root
      | {
          bomFormat: "CycloneDX", specVersion: "1.5", version: 1,
          metadata: {
            component: ($components[] | select(.["bom-ref"] == $root) | .type = "application"),
            properties: [{name: "cargo:package", value: $package}, {name: "cargo:target", value: $target}]
          },
          components: [$components[] | select(.["bom-ref"] != $root)],
          dependencies: [$components[]["bom-ref"] | {ref: ., dependsOn: ($edges[.] // [] | unique)}]
        }' >"$file.new"
  mv "$file.new" "$file"
}

mkdir -p "$folder"
sbom hello-native "$target" hello-native
sbom hello-host "$target" hello-host
sbom hello-wasm "$target" hello-host --no-default-features --features server
sbom hello-wasi-0.2 wasm32-wasip2 hello-wasi-0-2
sbom hello-wasi-0.3 wasm32-wasip2 hello-wasi-0-3
