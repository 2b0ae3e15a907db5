import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import { Credentials, LoadShedder, RateLimiter } from '#lib/http';
import { whenRead } from './when.read.js';
import { METRICS, type Metrics } from './metrics.table.js';

const REASONS = ['in_flight', 'waiting', 'event_loop', 'rate', 'token', 'scope'];

/** Feeds the metrics of what is let in and what is refused. */
@Injectable()
export class AdmissionFeed implements OnModuleInit {
  constructor(
    @Inject(METRICS) private readonly metrics: Metrics,
    private readonly shedder: LoadShedder,
    private readonly limiter: RateLimiter,
    private readonly credentials: Credentials,
  ) {}

  onModuleInit(): void {
    const { shedder } = this;
    const { httpWorking, httpWaiting, httpRefused, eventLoopDelay } = this.metrics;
    // A counter that begins with its first event hides that event from rate().
    for (const reason of REASONS) httpRefused.inc({ reason }, 0);
    shedder.events.on('shed', (reason) => {
      httpRefused.inc({ reason });
    });
    this.limiter.events.on('limited', () => {
      httpRefused.inc({ reason: 'rate' });
    });
    this.credentials.events.on('denied', (status) => {
      httpRefused.inc({ reason: status === 401 ? 'token' : 'scope' });
    });
    whenRead(httpWorking, () => shedder.counts.working);
    whenRead(httpWaiting, () => shedder.counts.waiting);
    whenRead(eventLoopDelay, () => shedder.delay.latestMs / 1000);
  }
}
