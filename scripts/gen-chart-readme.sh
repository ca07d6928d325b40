#!/usr/bin/env bash
# Generates the table of values in the README of the chart from the comments in chart/values.yaml (helm-docs' notation, `# -- text`).
#
# usage: scripts/gen-chart-readme.sh README
set -euo pipefail
values=$(dirname "$0")/../chart/values.yaml

table() {
  echo "| Value | Type | Default | Meaning |"
  echo "|---|---|---|---|"
  awk '
    # The README links to defaults of several lines. The first of these lines shows whether the default is a list.
    pending != "" {
      printf "| `%s` | %s | see values.yaml | %s |\n", pending, /^ *- / ? "list" : "map", meaning
      pending = meaning = ""
    }
    /^ *# -- / { sub(/^ *# -- /, ""); meaning = $0; next }
    /^ *[A-Za-z0-9]+:/ {
      depth = match($0, /[^ ]/) - 1
      key = $1; sub(/:$/, "", key)
      value = $0; sub(/^ *[A-Za-z0-9]+: */, "", value)
      path[depth] = key
      if (meaning == "") next
      name = key
      for (outer = depth - 2; outer >= 0; outer -= 2) name = path[outer] "." name
      if (value == "") { pending = name; next }
      type = "text"
      if (value ~ /^\[/) type = "list"
      else if (value ~ /^\{/) type = "map"
      else if (value ~ /^(true|false)$/) type = "boolean"
      else if (value ~ /^[0-9.]+$/) type = "number"
      printf "| `%s` | %s | `%s` | %s |\n", name, type, value, meaning
      meaning = ""
    }' "$values"
}

table | "$(dirname "$0")/tools.sh" update-doc-block "$1" "make manifests"
