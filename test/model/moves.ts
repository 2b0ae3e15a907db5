import type { Change, DirectoryMessage, Snapshot } from '../../libs/cache/line.types.js';
import { isDead, type Step } from '../../libs/cache/directory.protocol.js';
import {
  EMPTY_REDIS,
  instanceOf,
  OLD_SNAPSHOT,
  processOf,
  snapshotOf,
  withProcess,
  type Message,
  type Protocol,
  type World,
} from './world.js';

/** What may go wrong, and how far the search goes. */
export interface Scope {
  readonly processes: number;
  /** What the writes do, in the order in which they are begun. */
  readonly changes: readonly Change[];
  /** Fills and writes of all processes together. */
  readonly grants: number;
  /** No request is sent while this many messages are under way. */
  readonly net: number;
  readonly epochs?: number;
  readonly loss?: boolean;
  readonly lease?: boolean;
  /** Only process 0 can fail, and only process 1 writes and does nothing else: smaller, and finds what takes one failure. */
  readonly oneSided?: boolean;
  readonly join?: boolean;
  readonly evict?: boolean;
  readonly giveUp?: boolean;
  readonly kill?: boolean;
  /** Redis restarts once, having lost `nothing`, or nothing, some or `all`. */
  readonly restart?: 'nothing' | 'anything';
  readonly reboot?: boolean;
  readonly hot?: number;
  /** Rules that belong to no transition of a line. */
  readonly without?: readonly ('gate' | 'gate of a fresh process' | 'gate of FILL' | 'retirement')[];
}

export interface Move {
  readonly name: string;
  readonly world: World;
  /** Set where this very move answered a read wrongly. */
  readonly wrong?: string;
}

/** Every step that can come next. */
export function movesOf(world: World, scope: Scope, protocol: Protocol): Move[] {
  const moves: Move[] = [];
  const circumstances = { nowMicros: world.clock + 1, hotFrom: scope.hot ?? 100 };
  const add = (name: string, next: World | undefined, wrong?: string) => {
    if (next) moves.push({ name, world: next, ...(wrong !== undefined && { wrong }) });
  };
  const rule = (name: NonNullable<Scope['without']>[number]) => !scope.without?.includes(name);
  const room = world.net.length < scope.net;
  const used = world.processes.reduce((sum, one) => sum + one.grants, 0);
  const version = world.redis.entry.line.version;

  /** What a script leaves behind: the entry, its messages and the answer to its caller. */
  const after = (base: World, step: Step<unknown>, answers: readonly Message[] = []): World => {
    const sent = step.messages.flatMap((message) => translate(message, world.run));
    const { line } = step.entry;
    const committed = base.redis.entry.line.version !== line.version;
    return {
      ...base,
      redis: { ...base.redis, entry: step.entry },
      clock: Math.max(base.clock, line.version, line.round),
      committedSince: base.committedSince || (base.run > 0 && committed),
      net: [...base.net, ...sent, ...answers],
    };
  };

  world.processes.forEach((process, n) => {
    const others = world.processes.some((other, i) => i !== n && other.up && other.run === world.run);
    if (scope.lease && process.silent && world.redis.living.includes(process.epoch) && others) {
      const living = world.redis.living.filter((epoch) => epoch !== process.epoch);
      add(`fence ${n}`, { ...world, redis: { ...world.redis, living } });
    }
    if (!process.up) return;
    const spared = scope.oneSided === true && n !== 0;
    const connected = process.run === world.run;
    const open = connected && (!process.gated || !rule('gate'));
    const { line } = process;

    if (!line.copy || !protocol.isHit(line.copy, process.leaseStands, 0)) {
      const joinable = scope.join ? protocol.joinableFill(line, process.leaseStands) : undefined;
      const reader = process.readers.find(({ grant }) => grant === joinable?.grant);
      if (reader && reader.joined < version) {
        const readers = process.readers.map((one) => (one === reader ? { ...one, joined: version } : one));
        add(`join ${n}`, withProcess(world, n, { readers }));
      }
      const mayFill = open || (connected && !rule('gate of FILL'));
      if (
        room &&
        !line.fills.some((fill) => fill.open) &&
        mayFill &&
        line.fills.length < 2 &&
        used < scope.grants &&
        !(scope.oneSided && n === 1)
      ) {
        const grant = process.grants + 1;
        const { line: next, fill } = protocol.startFill(line, grant, process.epoch, 0);
        const reads = [...process.readers, { grant, committed: version, joined: -1 }];
        const sent = withProcess(world, n, { grants: grant, line: next, readers: reads });
        const { epoch, cacheable } = fill;
        add(`fill ${n}`, {
          ...sent,
          net: [...world.net, { to: 'redis', from: n, kind: 'fill', grant, epoch, cacheable }],
        });
      }
    }
    const change = scope.changes[world.writes];
    if (room && !line.write && change && open && used < scope.grants && !(scope.oneSided && n === 0)) {
      const grant = process.grants + 1;
      const id = `w${world.writes + 1}`;
      const begun = protocol.startWrite(line, process.grants, [grant], process.epoch, 0);
      const sent = withProcess({ ...world, writes: world.writes + 1 }, n, { grants: grant, line: begun });
      const { epoch, upto } = begun.write ?? { epoch: 0, upto: 0 };
      const json = change.kind === 'write' ? change.json : '';
      add(`write ${n}`, {
        ...sent,
        net: [...world.net, { to: 'redis', from: n, kind: 'begin', id, json, change, grant, epoch, upto }],
      });
    }
    if (scope.lease && !spared) {
      if (process.leaseStands) add(`lease of ${n} runs out`, lapse(world, n));
      else if (connected && process.epochs < (scope.epochs ?? 2))
        add(`new epoch ${n}`, newEpoch(world, n, protocol, rule('retirement')));
    }
    if (scope.giveUp && line.write)
      add(`give up write ${n}`, withProcess(world, n, { line: protocol.writeEnded(line) }));
    if (scope.giveUp && line.fills.length > 0) {
      const ended = line.fills.reduce((rest, { grant }) => protocol.fillEnded(rest, grant), line);
      add(`give up fills ${n}`, withProcess(world, n, { line: ended, readers: [] }));
    }
    if (scope.evict && line.copy) {
      const { copy: _copy, ...rest } = line;
      add(`evict ${n}`, withProcess(world, n, { line: rest }));
    }
    if (scope.kill && !spared && world.clock > 1) {
      add(`kill ${n}`, {
        ...withProcess(world, n, { ...gone, up: false, leaseStands: false, silent: true }),
        net: requestsOnly(world.net, n),
      });
    }
    if (!connected) {
      const learnt = {
        ...newEpoch(world, n, protocol, true),
        net: world.net.filter((m) => m.to !== n || !['filled', 'result'].includes(m.kind)),
      };
      add(`learn ${n}`, withProcess(learnt, n, { run: world.run, gated: true, readers: [], line: protocol.NOTHING }));
      if (scope.reboot) {
        const fresh = { ...newEpoch(world, n, protocol, true), net: requestsOnly(world.net, n) };
        add(
          `reboot ${n}`,
          withProcess(fresh, n, {
            run: world.run,
            gated: rule('gate of a fresh process'),
            readers: [],
            line: protocol.NOTHING,
          }),
        );
      }
    } else if (process.gated) {
      const late = world.processes.flatMap((other, i) => (other.run === world.run ? [] : [i]));
      add(`gate of ${n} opens`, withProcess(late.reduce(lapse, world), n, { gated: false }));
    }
    const awaited = world.redis.entry.line.pending.length > 0 ? world.redis.entry.line.holders : [];
    if (room && open && awaited.length > 0) {
      const snapshot = snapshotOf(world.redis);
      const step = protocol.poll(world.redis.entry, { id: '', snapshot }, circumstances);
      const dead = awaited.some(({ epoch }) => isDead(snapshot, epoch));
      const unasked = awaited.some(({ epoch }) => !world.net.some((m) => m.kind === 'invalidate' && m.epoch === epoch));
      // Asking again while the question is still under way leads nowhere new.
      if (dead || (scope.loss && unasked))
        add(`poll ${n}`, after(world, { ...step, messages: onlyMissing(step.messages, world.net) }));
    }
  });

  if (scope.restart && world.run === 0) {
    const { saved: _saved, ...rest } = world;
    const crashed = { ...rest, run: 1, net: world.net.filter((message) => message.to !== 'redis') };
    add('restart, nothing lost', crashed);
    if (scope.restart === 'anything') {
      if (world.saved) add('restart, the last writes lost', { ...crashed, redis: world.saved });
      else add('save', { ...world, saved: world.redis });
      add('restart, all lost', { ...crashed, redis: EMPTY_REDIS });
    }
  }

  world.net.forEach((message, index) => {
    if (index > 0 && JSON.stringify(world.net[index - 1]) === JSON.stringify(message)) return;
    const rest = { ...world, net: world.net.filter((_, i) => i !== index) };
    if (scope.loss && message.kind === 'invalidate') add(`lose ${message.kind} ${message.to}`, rest);
    if (message.to === 'redis') {
      const sender = world.processes[message.from];
      if (message.kind === 'fill') {
        for (const [word, snapshot] of snapshots(world)) {
          const request = { ...message, instance: instanceOf(message.from), snapshot };
          const step = protocol.fill(world.redis.entry, request, circumstances);
          add(
            `FILL ${message.from}${word}`,
            after(rest, step, [
              {
                to: message.from,
                kind: 'filled',
                grant: message.grant,
                run: world.run,
                answer: unlabelled(step.answer),
              },
            ]),
          );
        }
      } else if (message.kind === 'begin') {
        for (const [word, snapshot] of snapshots(world)) {
          const { id, change, grant, epoch, upto } = message;
          const writes = [{ id, change, grant, repeatable: false }];
          const step = protocol.begin(
            world.redis.entry,
            { writes, epoch, upto, instance: instanceOf(message.from), snapshot },
            circumstances,
          );
          const answers = step.answer.flatMap((one): Message[] =>
            one.kind === 'done' ? [{ to: message.from, kind: 'result', run: world.run, result: one.result }] : [],
          );
          add(`BEGIN ${message.from}${word}`, after(rest, step, answers));
        }
      } else if (!sender?.gated || !rule('gate')) {
        add(`ACK ${message.from}`, after(rest, protocol.ack(world.redis.entry, message, circumstances)));
      }
      return;
    }
    const n = message.to;
    const process = world.processes[n];
    if (!process?.up) return;
    const { line, epoch } = process;
    if (message.kind === 'filled') {
      const reader = process.readers.find(({ grant }) => grant === message.grant);
      const kept = protocol.fillAnswered(line, message.grant, message.answer, epoch);
      const readers = process.readers.filter((one) => one !== reader);
      const next = withProcess({ ...rest, readSince: world.readSince || message.run > 0 }, n, {
        line: kept,
        readers,
        copiedIn: kept.copy === line.copy ? process.copiedIn : message.run,
      });
      const answered = message.answer.kind === 'value' ? message.answer.version : world.clock;
      const cached = message.answer.kind === 'value' && message.answer.granted !== undefined;
      const sameRun = message.run === world.run && world.run === 0;
      const wrong =
        !reader || !sameRun
          ? undefined
          : answered < reader.committed
            ? `a read was answered version ${answered} though ${reader.committed} was committed before it began`
            : cached && answered < reader.joined
              ? `a read that joined was answered version ${answered} though ${reader.joined} was committed before`
              : undefined;
      add(`answer of FILL ${n}`, next, wrong);
    } else if (message.kind === 'result') {
      const grant = message.result.holder?.grant ?? line.write?.grants[0] ?? 0;
      const written = protocol.writeAnswered(line, grant, message.result, jsonOf(message.result.id, scope), epoch);
      const ended = line.write ? protocol.writeEnded(written) : written;
      add(
        `result ${n}`,
        withProcess(rest, n, { line: ended, copiedIn: ended.copy === line.copy ? process.copiedIn : message.run }),
      );
    } else {
      const left = protocol.invalidated(line, message.epoch, new Set([message.epoch]));
      const acks: Message[] =
        left && process.run === world.run
          ? [{ to: 'redis', from: n, kind: 'ack', round: message.round, epoch: message.epoch }]
          : [];
      add(`INVALIDATE ${n}`, { ...withProcess(rest, n, { line: left ?? line }), net: [...rest.net, ...acks] });
    }
  });
  return moves;
}

const gone = { line: { fills: [] }, readers: [] };

/** Snapshots that a request may carry: the latest, and one that knows of no death. In between is nothing else to know. */
function snapshots(world: World): [string, Snapshot][] {
  const dead = world.redis.counter > world.redis.living.length;
  return dead
    ? [
        ['', snapshotOf(world.redis)],
        [' (old snapshot)', OLD_SNAPSHOT],
      ]
    : [['', snapshotOf(world.redis)]];
}

function newEpoch(world: World, n: number, protocol: Protocol, retire: boolean): World {
  const process = world.processes[n];
  if (!process) return world;
  const epoch = world.epochs + 1;
  const living = [...world.redis.living.filter((one) => !retire || one !== process.epoch), epoch].sort((a, b) => a - b);
  const redis = { ...world.redis, counter: epoch, living };
  const change = {
    epoch,
    epochs: process.epochs + 1,
    leaseStands: true,
    silent: false,
    line: protocol.dropped(process.line),
  };
  return withProcess({ ...world, redis, epochs: epoch }, n, change);
}

/** Its deadline has passed, and others have seen it silent for long enough. */
function lapse(world: World, n: number): World {
  return withProcess(world, n, { leaseStands: false, silent: true });
}

function requestsOnly(net: readonly Message[], n: number): readonly Message[] {
  return net.filter((message) => message.to !== n);
}

/** Labels are not searched: they never touch a value. */
function unlabelled<Answer extends { kind: string }>(answer: Answer): Answer {
  if (answer.kind !== 'value') return answer;
  return {
    ...answer,
    found: 'E',
    roundOpen: false,
    ...('granted' in answer && answer.granted !== undefined && { granted: 'E' }),
  };
}

function translate(message: DirectoryMessage, run: number): Message[] {
  if (message.kind === 'shared') return [];
  const to = processOf(message.to);
  if (message.kind === 'result') return [{ to, kind: 'result', run, result: message.result }];
  return [{ to, kind: 'invalidate', round: message.round, epoch: message.epoch }];
}

function onlyMissing(messages: readonly DirectoryMessage[], net: readonly Message[]): readonly DirectoryMessage[] {
  return messages.filter(
    (message) =>
      message.kind !== 'invalidate' ||
      !net.some((one) => one.kind === 'invalidate' && one.epoch === message.epoch && one.round === message.round),
  );
}

function jsonOf(id: string, scope: Scope): string {
  const change = scope.changes[Number(id.slice(1)) - 1];
  return change?.kind === 'write' ? change.json : '';
}
