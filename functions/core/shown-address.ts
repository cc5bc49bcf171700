// The address of a repository as it is shown to people.

/**
 * Without a password. The user of an ssh address is no secret, and part of how one gets there.
 *
 * @param address of a repository, as the user wrote it; anything else is answered as it is
 */
export function shownAddress(address: string): string {
  if (/^(git\+)?ssh:/i.test(address))
    return address.replace(/^([a-z+]+:\/\/[^/@:]*):[^/@]*@/i, '$1@');
  return address.replace(/^([a-z+]+:\/\/)[^/@]*@/i, '$1');
}
