import { Global, Module } from '@nestjs/common';
import { Credentials } from './access/credentials.service.js';
import { Draining } from './draining.js';
import { LoadShedder } from './load/load.shedder.js';
import { RateLimiter } from './load/rate.limiter.js';

const shared = [Draining, Credentials, LoadShedder, RateLimiter];

@Global()
@Module({ providers: shared, exports: shared })
export class HttpModule {}
