/**
 * The directory's side of the protocol (docs/PROTOCOL.md), as functions from an entry and a request to an entry, an
 * answer and messages. The Lua scripts do the same on Redis; a property test holds the two together, and the model
 * searches these functions for a history that breaks the promise.
 */
import { applyWrite, applyWrites, isExpired, nextNumber, remainingMs } from './line.changes.js';
import type {
  DirectoryMessage,
  Entry,
  FillAnswer,
  Line,
  LineState,
  Outcome,
  PendingWrite,
  Registration,
  Snapshot,
  StoredResult,
  Write,
  WriteAnswer,
  WriteResult,
} from './line.types.js';

export interface Step<Answer> {
  readonly entry: Entry;
  readonly answer: Answer;
  readonly messages: readonly DirectoryMessage[];
}

/** What every request to the directory brings along. */
export interface Circumstances {
  /** Redis's TIME in microseconds. */
  readonly nowMicros: number;
  /** From this heat on, a line is not cached. */
  readonly hotFrom: number;
}

export interface FillRequest {
  readonly grant: number;
  readonly epoch: number;
  readonly instance: string;
  readonly cacheable: boolean;
  readonly snapshot: Snapshot;
}

export interface BeginRequest {
  readonly writes: readonly Write[];
  readonly epoch: number;
  readonly instance: string;
  /** Every grant up to this one is void: its copy is dropped, its fill closed. */
  readonly upto: number;
  readonly snapshot: Snapshot;
}

export interface AckRequest {
  readonly round: number;
  readonly epoch: number;
}

export interface PollRequest {
  /** The write asked about; empty where only the round is to be moved on. */
  readonly id: string;
  readonly snapshot: Snapshot;
}

export const ABSENT: Entry = {
  line: { version: 0, holders: [], round: 0, pending: [], heat: 0 },
  fences: [],
  results: [],
};

export function isDead(snapshot: Snapshot, epoch: number): boolean {
  return epoch <= snapshot.counter && !snapshot.living.includes(epoch);
}

/**
 * FILL: answers the committed value, and registers the reader's epoch where a copy may be kept.
 * It never registers while a round is open: the round would not know of the copy.
 */
export function fill(entry: Entry, request: FillRequest, { nowMicros, hotFrom }: Circumstances): Step<FillAnswer> {
  const { line } = entry;
  if (line.json === undefined) return { entry, answer: { kind: 'absent' }, messages: [] };
  const roundOpen = line.pending.length > 0;
  // A process that asks under a newer epoch has dropped what its older ones held.
  const live = withoutVoid(line.holders, { ...request, upto: 0 });
  if (isExpired(line, nowMicros)) return { entry, answer: { kind: 'expired', version: line.version }, messages: [] };
  const heat = Math.max(line.heat - 1, 0);
  const found = stateOf(live, line.owner);
  const expiresInMs = remainingMs(line, nowMicros);
  const value = {
    kind: 'value',
    json: line.json,
    version: line.version,
    found,
    roundOpen,
    ...(expiresInMs !== undefined && { expiresInMs }),
  } as const;
  if (roundOpen || !request.cacheable || heat >= hotFrom) {
    return { entry: { ...entry, line: { ...line, heat } }, answer: value, messages: [] };
  }
  const others = live.filter(({ epoch }) => epoch !== request.epoch);
  const own = live.find(({ epoch }) => epoch === request.epoch);
  const registration = {
    epoch: request.epoch,
    grant: Math.max(request.grant, own?.grant ?? 0),
    instance: request.instance,
  };
  const holders = [...others, registration].sort((a, b) => a.epoch - b.epoch);
  const owner = others.length === 0 && line.owner === request.epoch ? line.owner : undefined;
  const [sole, ...more] = live;
  const downgraded = sole && more.length === 0 && sole.epoch !== request.epoch ? sole : undefined;
  return {
    entry: { ...entry, line: withHolders({ ...line, heat }, holders, owner) },
    answer: { ...value, granted: stateOf(holders, owner) },
    messages: downgraded ? [{ kind: 'shared', to: downgraded.instance, version: line.version }] : [],
  };
}

/**
 * BEGIN: commits writes at once where nobody else holds the line; else opens a round, or joins the open one, and asks
 * every holder to let go. Writes that cannot succeed now are refused now.
 * @returns one answer per write, in their order
 */
export function begin(entry: Entry, request: BeginRequest, circumstances: Circumstances): Step<readonly WriteAnswer[]> {
  const { nowMicros } = circumstances;
  const answers = new Map<Write, WriteAnswer>();
  let { results } = entry;
  let pending = entry.line.pending;
  const fresh: PendingWrite[] = [];
  for (const write of request.writes) {
    // Nobody else has an id that is not a caller's.
    const stored = write.repeatable ? results.find(({ id }) => id === write.id) : undefined;
    if (stored?.replayed) {
      answers.set(write, { kind: 'done', result: { id: write.id, outcome: stored.outcome } });
    } else if (pending.some(({ id }) => id === write.id)) {
      pending = pending.map((other) => (other.id === write.id ? withRecipient(other, request.instance) : other));
      answers.set(write, { kind: 'pending' });
    } else {
      // A refusal changed nothing, so a repetition is judged anew.
      if (stored) results = results.filter((other) => other !== stored);
      const { epoch, instance } = request;
      fresh.push({ ...write, epoch, instance, recipients: [instance] });
      answers.set(write, { kind: 'pending' });
    }
  }
  const known = { ...entry, results, line: { ...entry.line, pending } };
  const holders = withoutVoid(known.line.holders, request);
  const inOrder = () => request.writes.map((write) => answers.get(write) ?? { kind: 'unknown' as const });
  const settle = (writes: readonly PendingWrite[], told: readonly WriteResult[]) => {
    writes.forEach((write) => {
      const result = told.find(({ id }) => id === write.id);
      const asked = request.writes.find(({ id }) => id === write.id);
      if (result && asked) answers.set(asked, { kind: 'done', result });
    });
  };

  if (fresh.length === 0) return { entry: known, answer: inOrder(), messages: [] };
  if (pending.length > 0) {
    const appended = {
      ...known,
      line: withHolders({ ...known.line, pending: [...pending, ...fresh] }, holders, known.line.owner),
    };
    if (holders.length > 0) return { entry: appended, answer: inOrder(), messages: invalidations(appended.line) };
    const committed = commit(appended, circumstances);
    settle(fresh, committed.told);
    return { entry: committed.entry, answer: inOrder(), messages: resultMessages(pending, committed.told) };
  }
  if (holders.length === 0) {
    const committed = commitAtOnce(known, fresh, circumstances);
    settle(fresh, committed.told);
    return { entry: committed.entry, answer: inOrder(), messages: [] };
  }
  // Past the expiry, somebody may still rightly see the value: only the round can tell that it is gone.
  const refused = isExpired(known.line, nowMicros) ? [] : leadingRefusals(known, fresh, nowMicros);
  settle(fresh, refused);
  const waiting = fresh.slice(refused.length);
  if (waiting.length === 0) return { entry: known, answer: inOrder(), messages: [] };
  const round = nextNumber(known.line.round, nowMicros);
  const opened = { ...known, line: withHolders({ ...known.line, round, pending: waiting }, holders, known.line.owner) };
  return { entry: opened, answer: inOrder(), messages: invalidations(opened.line) };
}

/** ACK: this epoch holds the line no more, as the round asked. The last one commits. */
export function ack(entry: Entry, request: AckRequest, circumstances: Circumstances): Step<undefined> {
  const { line } = entry;
  if (line.pending.length === 0 || line.round !== request.round) return { entry, answer: undefined, messages: [] };
  const holders = line.holders.filter(({ epoch }) => epoch !== request.epoch);
  return moveOn(entry, holders, circumstances, false);
}

/** POLL: asks those awaited again, gives up on the dead, commits if nobody is left; then tells what became of a write. */
export function poll(entry: Entry, request: PollRequest, circumstances: Circumstances): Step<WriteAnswer> {
  const { line } = entry;
  const holders = line.holders.filter(({ epoch }) => !isDead(request.snapshot, epoch));
  const moved = line.pending.length === 0 ? { entry, messages: [] } : moveOn(entry, holders, circumstances, true);
  const stored = moved.entry.results.find(({ id }) => id === request.id);
  const told = moved.messages.find((message) => message.kind === 'result' && message.result.id === request.id);
  const answer: WriteAnswer =
    told?.kind === 'result'
      ? { kind: 'done', result: told.result }
      : stored
        ? { kind: 'done', result: { id: stored.id, outcome: stored.outcome } }
        : { kind: moved.entry.line.pending.some(({ id }) => id === request.id) ? 'pending' : 'unknown' };
  return { entry: moved.entry, answer, messages: moved.messages };
}

/** The state of a line with these holders in the whole system; `E` also where nobody holds it. */
function stateOf(holders: readonly Registration[], owner: number | undefined): LineState {
  if (holders.length > 1) return 'S';
  return holders[0] !== undefined && holders[0].epoch === owner ? 'M' : 'E';
}

function moveOn(
  entry: Entry,
  holders: readonly Registration[],
  circumstances: Circumstances,
  again: boolean,
): Step<undefined> {
  const moved = { ...entry, line: withHolders(entry.line, holders, entry.line.owner) };
  if (holders.length > 0) return { entry: moved, answer: undefined, messages: again ? invalidations(moved.line) : [] };
  const committed = commit(moved, circumstances);
  return { entry: committed.entry, answer: undefined, messages: resultMessages(entry.line.pending, committed.told) };
}

/** COMMIT of a round that nobody is awaited in. Keeps every result, since its messages may be lost. */
function commit(entry: Entry, circumstances: Circumstances): { entry: Entry; told: readonly WriteResult[] } {
  const { pending, ...line } = entry.line;
  const { entry: next, told } = commitAtOnce(
    { ...entry, line: { ...line, pending: [] } },
    pending,
    circumstances,
    true,
  );
  const stored = pending.map((write, index): StoredResult => {
    const outcome: Outcome = told[index]?.outcome ?? { code: 'changed' };
    return { id: write.id, outcome, replayed: write.repeatable && outcome.code === 'ok' };
  });
  const others = next.results.filter(({ id }) => !stored.some((result) => result.id === id));
  return { entry: { ...next, results: [...others, ...stored] }, told };
}

/** Applies the writes where nobody holds the line; the last one that changed it becomes the owner. */
function commitAtOnce(
  entry: Entry,
  writes: readonly PendingWrite[],
  { nowMicros, hotFrom }: Circumstances,
  afterRound = false,
): { entry: Entry; told: readonly WriteResult[] } {
  const { entry: applied, outcomes, last, changed } = applyWrites(entry, writes, nowMicros);
  const untold = writes.map((write, index): WriteResult => ({
    id: write.id,
    outcome: outcomes[index] ?? { code: 'changed' },
  }));
  if (!changed && !afterRound) return { entry, told: untold };
  const fought = last && entry.line.lastWriter !== undefined && entry.line.lastWriter !== last.instance;
  const heat = fought ? Math.min(applied.line.heat + 1, 2 * hotFrom) : applied.line.heat;
  const owner = last && applied.line.json !== undefined && heat < hotFrom ? last : undefined;
  const holders = owner ? [{ epoch: owner.epoch, grant: owner.grant, instance: owner.instance }] : [];
  const line = withHolders(
    { ...applied.line, heat, ...(last && { lastWriter: last.instance }) },
    holders,
    owner?.epoch,
  );
  const expiresInMs = remainingMs(line, nowMicros);
  const told = untold.map((result, index) =>
    owner && writes[index] === owner
      ? {
          ...result,
          holder: { epoch: owner.epoch, grant: owner.grant },
          ...(expiresInMs !== undefined && { expiresInMs }),
        }
      : result,
  );
  const kept = writes.flatMap((write, index): StoredResult[] => {
    const outcome = outcomes[index];
    return !afterRound && write.repeatable && outcome?.code === 'ok' ? [{ id: write.id, outcome, replayed: true }] : [];
  });
  return { entry: { ...applied, line, results: [...applied.results, ...kept] }, told };
}

/** Those writes at the front that fail as things stand: they change nothing, so they need not wait for a round. */
function leadingRefusals(entry: Entry, writes: readonly PendingWrite[], nowMicros: number): readonly WriteResult[] {
  const refusals: WriteResult[] = [];
  for (const write of writes) {
    const { outcome } = applyWrite(entry, write, nowMicros);
    if (outcome.code === 'ok') break;
    refusals.push({ id: write.id, outcome });
  }
  return refusals;
}

/** The holders that a writer or reader has to reckon with: neither dead nor given up by itself. */
function withoutVoid(
  holders: readonly Registration[],
  { epoch, instance, upto, snapshot }: Pick<BeginRequest, 'epoch' | 'instance' | 'upto' | 'snapshot'>,
): readonly Registration[] {
  return holders.filter((holder) => {
    if (isDead(snapshot, holder.epoch)) return false;
    if (holder.instance === instance && holder.epoch < epoch) return false;
    return holder.epoch !== epoch || holder.grant > upto;
  });
}

function withHolders(line: Line, holders: readonly Registration[], owner?: number): Line {
  const { owner: _owner, ...rest } = line;
  return { ...rest, holders, ...(owner !== undefined && { owner }) };
}

function withRecipient(write: PendingWrite, instance: string): PendingWrite {
  if (write.recipients.includes(instance)) return write;
  return { ...write, recipients: [...write.recipients, instance] };
}

function invalidations(line: Line): readonly DirectoryMessage[] {
  return line.holders.map(({ epoch, instance }) => ({ kind: 'invalidate', to: instance, round: line.round, epoch }));
}

function resultMessages(pending: readonly PendingWrite[], told: readonly WriteResult[]): readonly DirectoryMessage[] {
  return pending.flatMap((write) => {
    const result = told.find(({ id }) => id === write.id);
    return result ? write.recipients.map((to) => ({ kind: 'result' as const, to, result })) : [];
  });
}
