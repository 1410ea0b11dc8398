// How many notifications are unread, on the app's icon, where it is installed and the system shows such a number.

export const UNREAD = "/api/v1/notifications/unread";

/** Takes the number from what the server answered there. */
export async function badge(answer: Response): Promise<void> {
  const { unread } = (await answer.json()) as { unread?: number };
  await (unread ? navigator.setAppBadge?.(unread) : navigator.clearAppBadge?.())?.catch(() => undefined);
}
