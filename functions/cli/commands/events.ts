import type { Context } from '../context.ts';
import type { FollowOptions } from '../define/read.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { pages } from '../pages.ts';
import { reading } from '../reading.ts';
import { renderEvent } from '../render/plain.ts';

export async function events(
  context: Context,
  name: string,
  options: FollowOptions,
): Promise<ExitCode> {
  return reading(context, async (control) => {
    const run = await control.find(name);
    await pages(context, options.follow === true, async (place) => {
      const page = await control.events(run, place);
      for (const event of page.events)
        if (context.json) context.sayJson(event);
        else context.say(renderEvent(event, context.paint));
      return { cursor: page.cursor, last: page.last, empty: page.events.length === 0 };
    });
    return EXIT.done;
  });
}
