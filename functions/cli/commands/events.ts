import type { Context } from '../context.ts';
import type { FollowOptions } from '../define/read.ts';
import type { ExitCode } from '../exit-codes.ts';
import { pages } from '../pages.ts';
import { renderEvent } from '../render/plain.ts';

export async function events(
  context: Context,
  name: string,
  options: FollowOptions,
): Promise<ExitCode> {
  return pages(context, {
    name,
    follow: options.follow === true,
    turn: async (control, run, place) => {
      const page = await control.events(run, place);
      for (const event of page.events)
        if (context.json) context.sayJson(event);
        else context.say(renderEvent(event, context.paint));
      return { cursor: page.cursor, last: page.last, empty: page.events.length === 0 };
    },
  });
}
