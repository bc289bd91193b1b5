#!/bin/sh
# Print the Chromium that browser tests drive; install it from the system's packages where it is
# missing and may be installed. Where it cannot be had, fail and say what to do.
set -u

find_chromium() {
    for name in ${KF_CHROMIUM:-} chromium chromium-browser google-chrome google-chrome-stable \
        "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome" \
        /Applications/Chromium.app/Contents/MacOS/Chromium; do
        if command -v "$name" >/dev/null 2>&1 && "$name" --version >/dev/null 2>&1; then
            command -v "$name"
            return
        fi
    done
    return 1
}

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi
}

may_install() {
    [ "$(id -u)" = 0 ] || sudo -n true 2>/dev/null
}

find_chromium && exit 0

export DEBIAN_FRONTEND=noninteractive
if command -v brew >/dev/null 2>&1; then
    mend="brew install --cask chromium"
    $mend </dev/null >&2
elif command -v apt-get >/dev/null 2>&1; then
    mend="sudo apt-get update && sudo apt-get install -y chromium"
    if may_install; then
        as_root apt-get update </dev/null >&2
        as_root apt-get install -y --no-install-recommends chromium </dev/null >&2
    fi
elif command -v dnf >/dev/null 2>&1; then
    mend="sudo dnf install -y chromium"
    if may_install; then as_root dnf install -y chromium </dev/null >&2; fi
else
    mend="install the package chromium with your system's package manager"
fi

find_chromium && exit 0
cat >&2 <<END
kf_widget: the browser tests need Chromium, and it is not on this machine. Either
    $mend
or name one that is: export KF_CHROMIUM=/path/to/chromium
END
exit 1
