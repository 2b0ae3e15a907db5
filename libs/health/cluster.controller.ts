import { Controller, Get, Query } from '@nestjs/common';
import { NoQuery } from '#lib/http';
import { Membership, type Member } from '#lib/membership';

/** GET /cluster: the nodes, as the registry has them. */
@Controller('cluster')
export class ClusterController {
  constructor(private readonly membership: Membership) {}

  /** The nodes, as the registry has them; one dead for 24 hours is forgotten. */
  @Get()
  async cluster(@Query() _query: NoQuery): Promise<{ ok: true; node: string; nodes: Member[] }> {
    return { ok: true, node: this.membership.nodeId, nodes: await this.membership.members() };
  }
}
