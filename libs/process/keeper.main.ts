/**
 * Kills the processes it was told of when the one that told it is gone, however that ended.
 *
 * Standard input is a pipe whose only writer is our parent, so its end is the parent's end: nothing else tells of a
 * `kill -9`. A line `+<pid>` puts a process under this rule, `-<pid>` releases it.
 */
const kept = new Set<number>();
let rest = '';

process.stdin.setEncoding('utf8');
process.stdin.on('data', (text: string) => {
  const lines = (rest + text).split('\n');
  rest = lines.pop() ?? '';
  for (const line of lines) {
    const pid = Number(line.slice(1));
    if (line.startsWith('+')) kept.add(pid);
    else kept.delete(pid);
  }
});
process.stdin.on('error', end);
process.stdin.on('end', end);

// SIGKILL, since a process that is stopped (SIGSTOP) or hangs answers nothing else.
function end(): void {
  for (const pid of kept) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It ended before us.
    }
  }
  process.exit();
}
