"""What the real shells complete, with a completion script loaded: completions("zsh", script, program, ["enforcerctl", "gu"]).

The program is found as `enforcerctl` by $PATH, as it is when it is installed. The last word is the one that is completed; it may
be empty. None of the shells reads a person's own configuration.
"""

import os
import pty
import select
import subprocess
import tempfile
import time

# bash: what `complete` has registered is called as readline would call it.
_BASH = r"""
source "$1"; shift
registered=$(complete -p enforcerctl)
[[ $registered =~ -F\ ([^ ]+) ]] || exit 9
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
"${BASH_REMATCH[1]}" "$1" "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
((${#COMPREPLY[@]})) && printf '%s\n' "${COMPREPLY[@]}"
exit 0
"""

# zsh: every match goes through the builtin compadd; ours prints it. NULs stand around what one Tab gave.
_ZSH = r"""
PROMPT= ; RPROMPT=
unsetopt prompt_cr prompt_sp zle_bracketed_paste 2>/dev/null
autoload -Uz compinit; compinit -u -D
source SCRIPT
bindkey '^I' complete-word
zstyle ':completion:*' insert-tab false
mark() { print -rn -- $'\0' }
compprefuncs=(mark); comppostfuncs=(mark)
compadd() {
  if [[ " $* " == *' -[OAD] '* ]]; then builtin compadd "$@"; return; fi
  local -a matches
  builtin compadd -O matches "$@"
  local match
  for match in $matches; do print -r -- "match=$match"; done
  builtin compadd "$@"
}
print -n 'rea'; print 'dy'
"""


def completions(shell, script, program, words, cwd="/"):
    """The words that are offered, in order, without their descriptions. bash gets its words as readline splits them, at '=' too."""
    with tempfile.TemporaryDirectory() as folder:
        os.symlink(program, f"{folder}/enforcerctl")
        environment = {"PATH": f"{folder}:/usr/bin:/bin", "HOME": folder, "TERM": "dumb", "LANG": "C.UTF-8",
                       "XDG_CONFIG_HOME": folder, "XDG_DATA_HOME": folder}
        if shell == "zsh":
            return _zsh(script, words, folder, environment, cwd)
        if shell == "bash":
            split = [piece for word in words for piece in _as_readline(word)]
            argv = ["bash", "--norc", "--noprofile", "-c", _BASH, "-", script, *split]
        else:
            argv = ["fish", "--no-config", "-c", f"source {script}; complete -C '{' '.join(words)}'"]
        done = subprocess.run(argv, env=environment, cwd=cwd, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0 and not done.stderr, f"{shell}: exit {done.returncode}: {done.stderr}"
        return [line.split("\t")[0] for line in done.stdout.splitlines()]


def _as_readline(word):
    before, equals, after = word.partition("=")
    return [before, equals, after] if equals and after else [before, equals] if equals else [word]


def _zsh(script, words, folder, environment, cwd):
    with open(f"{folder}/setup", "w") as file:
        file.write(_ZSH.replace("SCRIPT", script))
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(cwd)
        os.execve("/usr/bin/zsh", ["zsh", "-f", "-i"], environment)
    try:
        os.write(terminal, f"source {folder}/setup\n".encode())
        _read(terminal, lambda text: b"ready" in text)
        os.write(terminal, " ".join(words).encode() + b"\t")
        # One Tab may ask twice (complete, then correct); the first answer is the one.
        text = _read(terminal, lambda said: said.count(b"\0") >= 2)
    finally:
        os.kill(pid, 9)
        os.waitpid(pid, 0)
        os.close(terminal)
    answer = text.split(b"\0")[1].decode()
    found = [line.removeprefix("match=") for line in answer.replace("\r", "").split("\n") if line.startswith("match=")]
    return list(dict.fromkeys(found))


def _read(terminal, enough, seconds=60):
    text, end = b"", time.monotonic() + seconds
    while not enough(text):
        ready, _, _ = select.select([terminal], [], [], max(0, end - time.monotonic()))
        assert ready, f"zsh said nothing more than {text!r}"
        text += os.read(terminal, 4096)
    return text
