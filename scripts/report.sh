# shellcheck shell=bash
# Functions that print a report, for `source`: rows of a mark, a subject, and its state or the command that fixes it. In colour on a
# terminal.

red='' green='' grey='' bold='' plain=''
if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then
  red=$'\e[31m' green=$'\e[32m' grey=$'\e[90m' bold=$'\e[1m' plain=$'\e[0m'
fi
title() { printf '\n%s%s%s\n' "$bold" "$1" "$plain"; }
row() { printf '  %s%-2s%s  %-21s %s\n' "$1" "$2" "$plain" "$3" "$4"; }
ok() { row "$green" ok "$1" "$2"; }
bad() { row "$red" '!!' "$1" "$2"; }
optional() { row "$grey" '--' "$1" "$2"; }
