/** One ask at a time, and of those that come meanwhile only the newest: what a pointer or a camera needs. */
export function newest<A>(run: (ask: A) => Promise<void>): (ask: A) => Promise<void> {
  let running: Promise<void> | null = null;
  let waiting: [A] | null = null;
  return (ask) => {
    waiting = [ask];
    running ??= (async () => {
      try {
        while (waiting) {
          const [next] = waiting;
          waiting = null;
          await run(next);
        }
      } finally {
        running = null;
      }
    })();
    return running;
  };
}
