import { Global, Module } from '@nestjs/common';
import { Credentials } from './access/credentials.service.js';
import { Draining } from './draining.js';

@Global()
@Module({ providers: [Draining, Credentials], exports: [Draining, Credentials] })
export class HttpModule {}
