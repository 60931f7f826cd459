/**
 * The title of a check says what should be so ("Backups are encrypted"). While an incident is
 * open it is not so, and the words must say it: nobody should read a red row as good news.
 */

export function titleOf(title: string, open: boolean): string {
  return open ? `Not met: ${title}` : title;
}

export function IncidentTitle({ title, open }: { title: string; open: boolean }) {
  return (
    <>
      {open && <span className="font-medium text-fail">Not met: </span>}
      {title}
    </>
  );
}
