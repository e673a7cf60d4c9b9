#!/bin/sh
# make_texts.sh PROGRAM SOURCE VERSION OUT: what the package has beside files of the source, made by the program itself.
set -eu
program=$1 source=$2 version=$3 out=$4

rm -rf "$out"
mkdir -p "$out/man"
env -i PATH="$PATH" HOME=/nonexistent "$program" manual --out "$out/man" >/dev/null
gzip -9n "$out"/man/*.1
env -i HOME=/nonexistent "$program" completion bash >"$out/keyrota.bash"
env -i HOME=/nonexistent "$program" completion zsh >"$out/_keyrota"

gzip -9nc "$source/CHANGELOG.md" >"$out/changelog.gz"
# A date that two builds of the same source have in common.
date=$(LC_ALL=C date -u -R -d "@${SOURCE_DATE_EPOCH:-$(stat -c %Y "$source/CHANGELOG.md")}")
cat <<TEXT | gzip -9nc >"$out/changelog.Debian.gz"
keyrota ($version) unstable; urgency=medium

  * Release; what is new: /usr/share/doc/keyrota/changelog.gz

 -- keyrota maintainers <maintainers@keyrota.example>  $date
TEXT
