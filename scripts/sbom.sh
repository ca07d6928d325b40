#!/usr/bin/env bash
# Writes what is linked into each program as an SBOM (CycloneDX): hello-native, hello-host, both components, and as hello-wasm what
# is in the image of that name, hello-host without a compiler. The same Cargo.lock and target give the same bytes.
#
# usage: scripts/sbom.sh FOLDER [TARGET]    TARGET of the programs; that of this machine by default
#
# From cargo-cyclonedx it would have the features of the whole workspace: tokio and hyper in a component.
set -euo pipefail
cd "$(dirname "$0")/.."
command -v jq >/dev/null || { echo "an SBOM needs jq, which is not on PATH; https://jqlang.org/download has it" >&2; exit 1; }

folder=$1 target=${2:-$(rustc --print host-tuple)}

sbom() { # file, target, package and its features
  local file=$folder/$1.cdx.json target=$2
  shift 2
  cargo tree --locked --target "$target" --edges normal,no-proc-macro --prefix depth --format $'\t{p}\t{l}\t{r}' --package "$@" |
    jq --raw-input --null-input --rawfile lock Cargo.lock --arg target "$target" --arg package "$*" '
      # Members of the workspace have none, and are no packages of crates.io.
      ($lock | [scan("name = \"(.*)\"\nversion = \"(.*)\"\nsource = .*\nchecksum = \"(.*)\"")]
        | map({key: "\(.[0])@\(.[1])", value: .[2]}) | from_entries) as $checksums
      # A line is a depth, a package, its licences, its repository; its parent is the last line before that is less deep.
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
