#!/bin/sh
# Is what kf_widget needs on this machine? Everything missing or too old is named before anything
# else happens, each with the one command that mends it.
#
#   sh .ci/preflight.sh           check all; silent when all is well
#   sh .ci/preflight.sh python    print the Python to use
set -u

PYTHON_MIN=11 # 3.11
NODE_MIN=20
cd "$(dirname "$0")/.." || exit 1

bad=0
say() { # what is wrong, command that mends it
    bad=1
    printf 'kf_widget: %s\n    %s\n' "$1" "$2" >&2
}

sudo=""
if [ "$(id -u)" != 0 ]; then sudo="sudo "; fi

packager() { # the system's package manager, by the command that is there
    for name in apt-get dnf pacman zypper apk brew; do
        if command -v "$name" >/dev/null 2>&1; then
            echo "$name"
            return
        fi
    done
    echo none
}

install() { # command that installs packages given as: apt-get-names dnf-names pacman-names zypper-names apk-names brew-names
    case $(packager) in
    apt-get) echo "${sudo}apt-get update && ${sudo}apt-get install -y $1" ;;
    dnf) echo "${sudo}dnf install -y $2" ;;
    pacman) echo "${sudo}pacman -S --needed $3" ;;
    zypper) echo "${sudo}zypper install -y $4" ;;
    apk) echo "${sudo}apk add $5" ;;
    brew) echo "brew install $6" ;;
    none) echo "install with your system's package manager: $1" ;;
    esac
}

minor() { # minor version of a Python 3, 0 for anything else
    "$1" -c 'import sys; print(sys.version_info[1] if sys.version_info[0] == 3 else 0)' 2>/dev/null || echo 0
}

find_python() { # newest first among the named ones, after the plain ones
    for name in ${PYTHON:-} python3 python python3.14 python3.13 python3.12 python3.11; do
        if command -v "$name" >/dev/null 2>&1 && [ "$(minor "$name")" -ge "$PYTHON_MIN" ]; then
            command -v "$name"
            return
        fi
    done
    return 1
}

apt_python() { # newest Python that apt offers, as python3.NN, or plain python3
    newest=$(apt-cache search --names-only '^python3\.[0-9]+-venv$' 2>/dev/null |
        sed -n 's/^python3\.\([0-9]*\)-venv.*/\1/p' | sort -n | tail -n 1)
    if [ -n "$newest" ] && [ "$newest" -ge "$PYTHON_MIN" ]; then echo "python3.$newest"; else echo python3; fi
}

check_python() {
    if [ -x .venv/bin/python ] && [ "$(minor .venv/bin/python)" -lt "$PYTHON_MIN" ]; then
        say ".venv was made by a Python older than 3.$PYTHON_MIN" "rm -r .venv"
    fi
    if ! python=$(find_python); then
        seen=$(python3 --version 2>/dev/null || echo "none was found")
        apt=$(apt_python)
        say "Python 3.$PYTHON_MIN or newer is needed ($seen)" \
            "$(install "$apt $apt-venv" python3.12 python python312 python3 python@3.12)"
        return
    fi
    if ! "$python" -c 'import venv, ensurepip' >/dev/null 2>&1; then
        apt="python3.$(minor "$python")-venv"
        say "$python cannot make virtual environments (venv or ensurepip is missing)" \
            "$(install "$apt" python3-libs python python3-base py3-pip python)"
    fi
}

newer_node() { # command that brings a Node new enough where the system's own is too old
    if [ "$(packager)" = brew ]; then
        echo "brew upgrade node || brew install node"
    elif command -v npm >/dev/null 2>&1; then
        echo "${sudo}npx --yes n 22"
    else
        echo "$(install 'nodejs npm' 'nodejs npm' 'nodejs npm' 'nodejs npm' 'nodejs npm' node) && ${sudo}npx --yes n 22"
    fi
}

apt_node() { # major version of apt's nodejs, 0 when unknown
    LC_ALL=C apt-cache policy nodejs 2>/dev/null | sed -n 's/.*Candidate: \([0-9]*\)\..*/\1/p' | grep . || echo 0
}

check_node() {
    if command -v node >/dev/null 2>&1; then
        version=$(node --version 2>/dev/null)
        major=${version#v}
        major=${major%%.*}
        if ! [ "${major:-0}" -ge "$NODE_MIN" ] 2>/dev/null; then
            say "Node $NODE_MIN or newer is needed (node is ${version:-broken})" "$(newer_node)"
            return
        fi
        if ! command -v npm >/dev/null 2>&1; then
            say "npm is needed and not on PATH" "$(install npm npm npm npm npm node)"
        fi
    elif [ "$(packager)" = apt-get ] && [ "$(apt_node)" -lt "$NODE_MIN" ]; then
        say "Node $NODE_MIN or newer and npm are needed (none was found, and apt's is too old)" "$(newer_node)"
    else
        say "Node $NODE_MIN or newer and npm are needed (none was found)" \
            "$(install 'nodejs npm' 'nodejs npm' 'nodejs npm' 'nodejs npm' 'nodejs npm' node)"
    fi
}

check_data() { # make demo DATA=...; a pattern is looked at when Python is there
    case ${DATA:-} in
    "" | *[*?[]* | "~"*) ;;
    *) [ -e "$DATA" ] || say "DATA=$DATA: there is no file $DATA" "make demo DATA=/path/to/ticks.parquet" ;;
    esac
}

case ${1:-all} in
python) find_python ;;
all)
    check_python
    check_node
    check_data
    exit $bad
    ;;
*)
    echo "usage: $0 [all|python]" >&2
    exit 2
    ;;
esac
