// The one place that reads the host's environment variables.

/** The environment of this process, as it was when it started. */
export function hostEnvironment(): NodeJS.ProcessEnv {
  // biome-ignore lint/style/noProcessEnv: everything else gets it as an argument
  return { ...process.env };
}
