import type { Registration } from '../../libs/cache/line.types.js';
import type { Scope } from './moves.js';
import { asBuilt, type Protocol } from './world.js';

const write = (json: string) => ({ kind: 'write', json }) as const;
const two = { processes: 2, changes: [write('1')], grants: 3, net: 3 } as const;
const twoWrites = { ...two, changes: [write('1'), write('2')], grants: 4 } as const;

/** A protocol that lacks one rule, and a scope in which that must show. */
export interface Removal {
  readonly rule: string;
  readonly scope: Scope;
  readonly protocol?: Partial<Protocol>;
  readonly liveness?: boolean;
}

const byEpoch = (a: Registration, b: Registration) => a.epoch - b.epoch;

export const removals: readonly Removal[] = [
  {
    rule: 'INVALIDATE drops the copy before it is acknowledged',
    scope: two,
    protocol: {
      invalidated: (line, epoch, own) => ({
        ...asBuilt.invalidated(line, epoch, own),
        fills: [],
        ...(line.copy && { copy: line.copy }),
      }),
    },
  },
  {
    rule: 'INVALIDATE closes the fills',
    scope: two,
    protocol: { invalidated: (line, epoch, own) => ({ ...asBuilt.invalidated(line, epoch, own), fills: line.fills }) },
  },
  {
    rule: "INVALIDATE closes the write's right to install",
    scope: twoWrites,
    protocol: {
      invalidated: (line, epoch, own) => ({
        ...asBuilt.invalidated(line, epoch, own),
        fills: [],
        ...(line.write && { write: line.write }),
      }),
    },
  },
  {
    rule: 'WRITE drops the own copy',
    scope: two,
    protocol: {
      startWrite: (line, ...rest) => ({ ...asBuilt.startWrite(line, ...rest), ...(line.copy && { copy: line.copy }) }),
    },
  },
  {
    rule: 'WRITE closes the fills',
    scope: two,
    protocol: { startWrite: (line, ...rest) => ({ ...asBuilt.startWrite(line, ...rest), fills: line.fills }) },
  },
  {
    rule: 'what was asked for in a lost epoch is not kept',
    scope: { ...two, lease: true },
    protocol: {
      dropped: (line) => ({ ...asBuilt.dropped(line), fills: line.fills }),
      fillAnswered: (line, grant, answer, epoch) =>
        asBuilt.fillAnswered(
          { ...line, fills: line.fills.map((fill) => ({ ...fill, epoch: epoch ?? 0 })) },
          grant,
          answer,
          epoch,
        ),
    },
  },
  {
    rule: 'a lost epoch drops the copy',
    scope: { ...two, lease: true },
    protocol: { dropped: (line) => line },
  },
  {
    rule: 'what was read is kept only if it was registered',
    scope: two,
    protocol: {
      fillAnswered: (line, grant, answer, epoch) =>
        asBuilt.fillAnswered(
          { ...line, fills: line.fills.map((fill) => ({ ...fill, open: true })) },
          grant,
          answer.kind === 'value' ? { ...answer, granted: 'S' } : answer,
          epoch,
        ),
    },
  },
  {
    rule: 'what was written is kept only if this write was registered',
    scope: twoWrites,
    protocol: {
      writeAnswered: (line, grant, result, json, epoch) =>
        asBuilt.writeAnswered(line, grant, { ...result, holder: { epoch: epoch ?? 0, grant } }, json, epoch),
    },
  },
  {
    rule: 'only the last write of a round owns the line',
    scope: { ...twoWrites, processes: 3 },
    protocol: {
      writeAnswered: (line, _grant, result, json, epoch) => {
        const grant = line.write?.grants[0] ?? 0;
        return asBuilt.writeAnswered(
          line,
          grant,
          { ...result, holder: { epoch: line.write?.epoch ?? 0, grant } },
          json,
          epoch,
        );
      },
    },
  },
  {
    rule: 'a write that failed is not kept',
    scope: { ...two, changes: [write('1'), { ...write('2'), ifVersion: 77 }], grants: 4 },
    protocol: {
      writeAnswered: (line, grant, result, json, epoch) =>
        asBuilt.writeAnswered(
          line,
          grant,
          result.outcome.code === 'ok'
            ? result
            : { ...result, outcome: { code: 'ok', version: 99 }, holder: { epoch: epoch ?? 0, grant } },
          json,
          epoch,
        ),
    },
  },
  {
    rule: 'FILL registers nothing while a round is open',
    scope: two,
    protocol: {
      fill: (entry, request, circumstances) => {
        const { pending } = entry.line;
        const step = asBuilt.fill({ ...entry, line: { ...entry.line, pending: [] } }, request, circumstances);
        const { holders } = entry.line;
        // Registered, but not awaited: the round does not know of it.
        return pending.length === 0
          ? step
          : { ...step, entry: { ...step.entry, line: { ...step.entry.line, pending, holders } } };
      },
    },
  },
  {
    rule: 'each epoch of a node has its own registration',
    scope: { ...two, lease: true },
    protocol: {
      fill: (entry, request, circumstances) => {
        const step = asBuilt.fill(entry, request, circumstances);
        const mine = step.entry.line.holders.find(
          ({ epoch, grant }) => epoch === request.epoch && grant === request.grant,
        );
        if (!mine) return step;
        const holders = [...step.entry.line.holders.filter(({ instance }) => instance !== mine.instance), mine].sort(
          byEpoch,
        );
        return { ...step, entry: { ...step.entry, line: { ...step.entry.line, holders } } };
      },
    },
  },
  {
    rule: 'FILL keeps the largest grant of an epoch',
    scope: { ...two, giveUp: true, evict: true, grants: 4, net: 4 },
    protocol: {
      fill: (entry, request, circumstances) => {
        const step = asBuilt.fill(entry, request, circumstances);
        if (step.answer.kind !== 'value' || step.answer.granted === undefined) return step;
        const holders = step.entry.line.holders.map((one) =>
          one.epoch === request.epoch ? { ...one, grant: request.grant } : one,
        );
        return { ...step, entry: { ...step.entry, line: { ...step.entry.line, holders } } };
      },
    },
  },
  {
    rule: 'a second reader ends the ownership',
    scope: two,
    protocol: {
      fill: (entry, request, circumstances) => {
        const step = asBuilt.fill(entry, request, circumstances);
        const { owner } = entry.line;
        return {
          ...step,
          entry: { ...step.entry, line: { ...step.entry.line, ...(owner !== undefined && { owner }) } },
        };
      },
    },
  },
  {
    rule: "a writer's own registration is void only up to the grant it names",
    scope: { ...two, giveUp: true },
    protocol: {
      begin: (entry, request, circumstances) =>
        asBuilt.begin(entry, { ...request, upto: Number.MAX_SAFE_INTEGER }, circumstances),
    },
  },
  {
    rule: 'BEGIN waits for every living holder',
    scope: two,
    protocol: {
      begin: (entry, request, circumstances) =>
        asBuilt.begin(entry, { ...request, snapshot: { counter: Number.MAX_SAFE_INTEGER, living: [] } }, circumstances),
    },
  },
  {
    rule: 'an acknowledgement counts for its own round only',
    scope: { ...twoWrites, loss: true, grants: 5 },
    protocol: {
      ack: (entry, request, circumstances) =>
        asBuilt.ack(entry, { ...request, round: entry.line.round }, circumstances),
    },
  },
  {
    rule: 'COMMIT waits for the last acknowledgement',
    scope: { ...two, processes: 3 },
    protocol: {
      ack: (entry, request, circumstances) => {
        const awaited = entry.line.holders.filter(({ epoch }) => epoch === request.epoch);
        return asBuilt.ack({ ...entry, line: { ...entry.line, holders: awaited } }, request, circumstances);
      },
    },
  },
  {
    rule: 'POLL gives up on the dead',
    scope: { ...two, lease: true, kill: true, oneSided: true },
    liveness: true,
    protocol: {
      poll: (entry, request, circumstances) =>
        asBuilt.poll(entry, { ...request, snapshot: { counter: 0, living: [] } }, circumstances),
    },
  },
  {
    rule: 'POLL asks those awaited again',
    scope: { ...two, loss: true },
    liveness: true,
    protocol: {
      poll: (entry, request, circumstances) => ({ ...asBuilt.poll(entry, request, circumstances), messages: [] }),
    },
  },
  { rule: 'no hit past the deadline', scope: { ...two, lease: true }, protocol: { isHit: () => true } },
  {
    rule: 'a read joins a fill only before the deadline',
    scope: { ...two, lease: true, join: true },
    protocol: { joinableFill: (line) => asBuilt.joinableFill(line, true) },
  },
  {
    rule: 'a read joins no fill that was closed',
    scope: { ...two, join: true },
    protocol: { joinableFill: (line) => line.fills[0] },
  },
  {
    rule: 'a new epoch retires the one before',
    scope: { ...two, grants: 2, net: 2, lease: true, kill: true, oneSided: true, without: ['retirement'] },
    liveness: true,
  },
  { rule: 'requests are held back after a restart', scope: { ...two, restart: 'anything', without: ['gate'] } },
  {
    rule: 'a fresh process holds back too',
    scope: { ...two, restart: 'anything', reboot: true, without: ['gate of a fresh process'] },
  },
  { rule: 'FILL is held back too', scope: { ...two, restart: 'anything', without: ['gate of FILL'] } },
];
