import {
  BigValueColorMode,
  BigValueGraphMode,
  BigValueJustifyMode,
  BigValueTextMode,
  PercentChangeColorMode,
  SortOrder,
  TooltipDisplayMode,
  VariableRefresh,
  VizOrientation,
  type Dashboard,
  type Panel,
  type RowPanel,
} from '@grafana/schema';
import type { Options as StatOptions } from '@grafana/schema/dist/esm/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen';
import type {
  FieldConfig as CurveConfig,
  Options as CurveOptions,
} from '@grafana/schema/dist/esm/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen';
import { format, resolveConfig } from 'prettier';
import { dashboardTable, type PanelLine, type PanelRow } from './dashboard.table.js';

/** The datasource of observability/grafana/datasources.yml. */
const DATASOURCE = { type: 'prometheus', uid: 'prometheus' };
const COLUMNS = 3;
const WIDTH = 24 / COLUMNS;
const HEIGHT = 8;

/** observability/grafana/dashboards/overview.json, made from the table of panels. Written by `npm run docs:dashboard`. */
export async function dashboardDocument(file: string): Promise<string> {
  return await format(JSON.stringify(dashboard()), { ...(await resolveConfig(file)), parser: 'json' });
}

/** The types are Grafana's own, so that the compiler refuses what its schema does not have. */
function dashboard(): Dashboard {
  return {
    uid: 'sync-overview',
    title: 'Locks, queues and cache',
    description: 'The nodes of distributed-sync-system. Made from scripts/dashboard.table.ts.',
    tags: ['sync'],
    schemaVersion: 42,
    editable: false,
    timezone: 'browser',
    time: { from: 'now-1h', to: 'now' },
    refresh: '15s',
    templating: {
      list: [
        {
          name: 'instance',
          label: 'Node',
          type: 'query',
          datasource: DATASOURCE,
          query: 'label_values(sync_build_info, instance)',
          refresh: VariableRefresh.onTimeRangeChanged,
          multi: true,
          includeAll: true,
          allValue: '.+',
          current: { text: 'All', value: '$__all' },
        },
      ],
    },
    panels: placed(dashboardTable),
  };
}

/** Rows one under the other, each with its panels from left to right. */
function placed(rows: readonly PanelRow[]): (Panel | RowPanel)[] {
  const panels: (Panel | RowPanel)[] = [];
  let y = 0;
  for (const { title, panels: lines } of rows) {
    panels.push({
      id: panels.length + 1,
      type: 'row',
      title,
      collapsed: false,
      gridPos: { x: 0, y, w: 24, h: 1 },
      panels: [],
    });
    y += 1;
    for (const [index, line] of lines.entries()) {
      const gridPos = {
        x: (index % COLUMNS) * WIDTH,
        y: y + Math.floor(index / COLUMNS) * HEIGHT,
        w: WIDTH,
        h: HEIGHT,
      };
      panels.push({ id: panels.length + 1, ...panelOf(line), gridPos });
    }
    y += Math.ceil(lines.length / COLUMNS) * HEIGHT;
  }
  return panels;
}

function panelOf({ title, description, unit, queries, single = false }: PanelLine): Panel {
  return {
    type: single ? 'stat' : 'timeseries',
    title,
    description,
    datasource: DATASOURCE,
    targets: queries.map(({ expr, legend }, index) => ({
      refId: String.fromCharCode(65 + index),
      datasource: DATASOURCE,
      expr,
      legendFormat: legend,
      range: !single,
      instant: single,
    })),
    fieldConfig: { defaults: { unit, min: 0, ...(!single && { custom: { ...curve } }) }, overrides: [] },
    // The package declares the enum of this mode twice, and the two are not one type.
    options: single ? { ...numbers } : { ...curves, legend: { displayMode: 'list', ...curves.legend } },
  };
}

const curve: CurveConfig = { lineWidth: 1, fillOpacity: 10 };

const curves: CurveOptions = {
  legend: { placement: 'bottom', showLegend: true, calcs: [] },
  tooltip: { mode: TooltipDisplayMode.Multi, sort: SortOrder.Descending },
};

const numbers: StatOptions = {
  colorMode: BigValueColorMode.Value,
  graphMode: BigValueGraphMode.None,
  justifyMode: BigValueJustifyMode.Auto,
  percentChangeColorMode: PercentChangeColorMode.Standard,
  showPercentChange: false,
  textMode: BigValueTextMode.ValueAndName,
  wideLayout: true,
  orientation: VizOrientation.Auto,
  reduceOptions: { calcs: ['lastNotNull'], values: false },
};
