// Many calls of a port at once, but not all of them.

/** Works on all, `atOnce` at a time; answers in the order of the things. After a failure nothing is begun any more, and what was begun is over. */
export async function inParallel<T, R>(
  things: readonly T[],
  atOnce: number,
  work: (thing: T, index: number) => R | Promise<R>,
): Promise<readonly R[]> {
  const answers: R[] = [];
  const failures: unknown[] = [];
  const left = things.entries();
  const worker = async (): Promise<void> => {
    for (const [index, thing] of left) {
      if (failures.length > 0) return;
      try {
        answers[index] = await work(thing, index);
      } catch (error) {
        failures.push(error);
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, things.length) }, worker));
  if (failures.length > 0) throw failures[0];
  return answers;
}
