/**
 * Judges whether a history of concurrent operations could have come from one object that does one thing at a time
 * (Wing and Gong's search, with Lowe's memory of what was tried before).
 */

/** One call as its client saw it. */
export interface Operation<Input, Output> {
  readonly client: number;
  readonly invoked: number;
  /** Infinity where no clear answer came: it may have happened at any time since, or never. */
  readonly completed: number;
  readonly input: Input;
  /** Undefined where no clear answer came. */
  readonly output: Output | undefined;
}

/** What a single object would do. */
export interface Model<State, Input, Output> {
  readonly initial: State;
  /** Every state that the object can be in after the operation; none where it cannot have answered so. */
  step(state: State, operation: Operation<Input, Output>): readonly State[];
  /** Equal for equal states. */
  key(state: State): string;
  /** Whether an operation without a clear answer can be what a clear one saw. */
  mayExplain(unclear: Operation<Input, Output>, clear: Operation<Input, Output>): boolean;
}

export type Verdict = 'linearizable' | 'not linearizable' | 'undecided';

interface Entry<Input, Output> {
  readonly operation: Operation<Input, Output>;
  readonly index: number;
  /** For an invocation, its completion; undefined for a completion. */
  readonly completion: Entry<Input, Output> | undefined;
  previous: Entry<Input, Output> | undefined;
  next: Entry<Input, Output> | undefined;
}

/**
 * @param maxSteps the search gives up after this many steps, with "undecided"
 */
export function judge<State, Input, Output>(
  history: readonly Operation<Input, Output>[],
  model: Model<State, Input, Output>,
  maxSteps = 5_000_000,
): Verdict {
  // What nobody was told of and nobody saw may never have happened. Where that explains everything, it is explained.
  const clear = history.filter(isClear);
  const seen = history.filter((one) => isClear(one) || clear.some((other) => model.mayExplain(one, other)));
  if (seen.length < history.length && find(seen, model, maxSteps) === 'linearizable') return 'linearizable';
  return find(history, model, maxSteps);
}

function find<State, Input, Output>(
  history: readonly Operation<Input, Output>[],
  model: Model<State, Input, Output>,
  maxSteps: number,
): Verdict {
  const head = timeline(history);
  const done = new Uint8Array(history.length);
  const tried = new Set<string>();
  const stack: { entry: Entry<Input, Output>; states: readonly State[]; clear: boolean }[] = [];
  let states: readonly State[] = [model.initial];
  let entry = head.next;
  // What nobody was told of may have happened at any time, so it is tried only where nothing else explains the rest.
  let clear = true;
  let steps = 0;
  while (head.next) {
    if ((steps += 1) > maxSteps) return 'undecided';
    if (entry?.completion) {
      const { operation, index } = entry;
      const after = isClear(operation) === clear ? stepAll(model, states, operation) : [];
      if (after.length > 0) {
        done[index] = 1;
        const memory = `${Buffer.from(done.buffer).toString('latin1')}${after.map((state) => model.key(state)).join('|')}`;
        if (tried.has(memory)) {
          done[index] = 0;
        } else {
          tried.add(memory);
          stack.push({ entry, states, clear });
          states = after;
          lift(entry);
          entry = head.next;
          clear = true;
          continue;
        }
      }
      entry = entry.next;
      continue;
    }
    // A completion whose invocation is not placed yet, or the end.
    if (clear) {
      clear = false;
      entry = head.next;
      continue;
    }
    // The last choice was wrong.
    const last = stack.pop();
    if (!last) return 'not linearizable';
    done[last.entry.index] = 0;
    ({ states, clear } = last);
    unlift(last.entry);
    entry = last.entry.next;
  }
  return 'linearizable';
}

/**
 * The least that still shows the violation: cut off after the first operation that cannot be explained, without every
 * operation that does not matter for it.
 * @param concerns whether the one operation is needed to understand the other, which cannot be explained
 */
export function shortest<State, Input, Output>(
  history: readonly Operation<Input, Output>[],
  model: Model<State, Input, Output>,
  concerns: (one: Operation<Input, Output>, wrong: Operation<Input, Output>) => boolean,
): readonly Operation<Input, Output>[] {
  const says = (verdict: Verdict, some: readonly Operation<Input, Output>[]) =>
    judge(some, model, 2_000_000) === verdict;
  const byEnd = [...history].sort((a, b) => a.completed - b.completed);
  const upTo = (count: number) => {
    const end = byEnd[count - 1]?.completed ?? 0;
    return byEnd.flatMap((one, index) => {
      if (index < count) return [one];
      return one.invoked < end ? [{ ...one, completed: Infinity, output: undefined }] : [];
    });
  };
  let low = 1;
  let high = byEnd.length;
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if (says('not linearizable', upTo(middle))) high = middle;
    else low = middle + 1;
  }
  const wrong = byEnd[low - 1];
  let kept = upTo(low);
  if (!wrong || !says('not linearizable', kept)) return history;
  for (const one of [...kept].reverse()) {
    if (one === wrong || concerns(one, wrong)) continue;
    const without = kept.filter((other) => other !== one);
    const rest = without.filter((other) => other !== wrong);
    if (says('not linearizable', without) && says('linearizable', rest)) kept = without;
  }
  return kept.sort((a, b) => a.invoked - b.invoked);
}

function isClear<Input, Output>({ completed }: Operation<Input, Output>): boolean {
  return completed !== Infinity;
}

function stepAll<State, Input, Output>(
  model: Model<State, Input, Output>,
  states: readonly State[],
  operation: Operation<Input, Output>,
): readonly State[] {
  const after = new Map<string, State>();
  for (const state of states) for (const next of model.step(state, operation)) after.set(model.key(next), next);
  return [...after].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, state]) => state);
}

/** Invocations and completions in the order of time, behind a head without an operation. */
function timeline<Input, Output>(
  history: readonly Operation<Input, Output>[],
): { next: Entry<Input, Output> | undefined } {
  const events = history.flatMap((operation, index) => {
    const completion: Entry<Input, Output> = {
      operation,
      index,
      completion: undefined,
      previous: undefined,
      next: undefined,
    };
    const invocation: Entry<Input, Output> = { ...completion, completion };
    return [
      { at: operation.invoked, order: 0, entry: invocation },
      { at: operation.completed, order: 1, entry: completion },
    ];
  });
  // What ends when another begins counts as concurrent with it.
  events.sort((a, b) => (a.at === b.at ? a.order - b.order : a.at - b.at));
  const head = { next: undefined as Entry<Input, Output> | undefined };
  let last: Entry<Input, Output> | undefined;
  for (const { entry } of events) {
    entry.previous = last ?? (head as Entry<Input, Output>);
    entry.previous.next = entry;
    last = entry;
  }
  return head;
}

/** Takes an operation out of the timeline. */
function lift<Input, Output>(entry: Entry<Input, Output>): void {
  for (const one of [entry, entry.completion]) {
    if (one?.previous) one.previous.next = one.next;
    if (one?.next) one.next.previous = one.previous;
  }
}

/** Puts it back. */
function unlift<Input, Output>(entry: Entry<Input, Output>): void {
  for (const one of [entry.completion, entry]) {
    if (one?.previous) one.previous.next = one;
    if (one?.next) one.next.previous = one;
  }
}
