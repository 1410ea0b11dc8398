// Times as the status line says them.

/** "As of 09:12", with the day where it is another one; so also where the device's clock is off by days. `zone`: an IANA name; none is the device's. */
export function asOf(at: number, now: number, zone?: string): string {
  const format = (options: Intl.DateTimeFormatOptions) => (time: number) => new Intl.DateTimeFormat("en-GB", { timeZone: zone, ...options }).format(time);
  const [day, hour] = [format({ day: "numeric", month: "short", year: "numeric" }), format({ hour: "2-digit", minute: "2-digit" })];
  return day(at) === day(now) ? `As of ${hour(at)}` : `As of ${format({ day: "numeric", month: "short" })(at)}, ${hour(at)}`;
}
