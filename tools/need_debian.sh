#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# need_debian.sh FILE PACKAGE: makes sure that FILE is there, by installing PACKAGE when allowed.
set -eu
file=$1
package=$2
[ -e "$file" ] && exit 0
if command -v apt-get >/dev/null 2>&1 && [ "$(id -u)" = 0 ]; then
  echo "installing $package"
  apt-get install -y -qq "$package" >/dev/null 2>&1 || {
    apt-get update -qq
    apt-get install -y -qq "$package" >/dev/null
  }
  exit 0
fi
echo "$file is missing. Install the package $package (Debian: sudo apt-get install $package)." >&2
exit 2
