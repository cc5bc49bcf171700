import type { EventLine } from '#schemas/report.ts';
import type { Control } from '#service/control.ts';
import type { Context } from '../context.ts';
import type { EventsOptions } from '../define/read.ts';
import type { ExitCode } from '../exit-codes.ts';
import { pages } from '../pages.ts';
import { renderEvent } from '../render/plain.ts';

export async function events(
  context: Context,
  name: string,
  options: EventsOptions,
): Promise<ExitCode> {
  const ways = new Map<string, string>();
  const children = options.children === true ? { children: true } : {};
  return pages(context, {
    name,
    follow: options.follow === true,
    turn: async (control, run, place) => {
      const page = await control.events(run, { ...place, ...children });
      ways.set(run, '');
      for (const event of page.events)
        if (context.json) context.sayJson(event);
        else {
          const way = await wayTo(control, event.run, ways);
          context.say(renderEvent(event, context.paint, way));
        }
      return { cursor: page.cursor, last: page.last, empty: page.events.length === 0 };
    },
  });
}

/** The nodes from the run that was asked about down to a sub-run: `publish/`, `publish/upload/`. */
async function wayTo(
  control: Control,
  run: EventLine['run'],
  ways: Map<string, string>,
): Promise<string> {
  const known = ways.get(run);
  if (known !== undefined) return known;
  const { parent } = await control.report(run);
  const way =
    parent === undefined ? '' : `${await wayTo(control, parent.run, ways)}${parent.node}/`;
  ways.set(run, way);
  return way;
}
