// All that does work on one machine: programs by the runner process, functions by this process.
import type { Jobs } from '#ports/jobs.ts';
import type { WorkOrder } from '#schemas/work-order.ts';

/** Orders go by their kind; about names both are asked. */
export function joinJobs(programs: Jobs, functions: Jobs): Jobs {
  const isDirect = ({ work }: WorkOrder): boolean => functions.direct.has(work.kind);
  return {
    direct: functions.direct,
    waits: (kind) => (functions.direct.has(kind) ? functions : programs).waits?.(kind) ?? 0,
    start: async (orders) => {
      const own = orders.filter(isDirect);
      if (own.length > 0) await functions.start(own);
      const others = own.length === 0 ? orders : orders.filter((order) => !isDirect(order));
      if (others.length > 0) await programs.start(others);
    },
    stop: async (stops) => {
      await functions.stop(stops);
      await programs.stop(stops);
    },
    pause: async (run, paused) => programs.pause?.(run, paused),
    adopt: async (names) => [...(await functions.adopt(names)), ...(await programs.adopt(names))],
  };
}
