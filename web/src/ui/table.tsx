/**
 * The list of every page: a real table, one link a row, server-side order, more rows as one
 * scrolls. Beyond a hundred rows only those near the screen are in the document. Where the table
 * has less than 42 rem a row becomes a card; roles are spelled out because changing `display`
 * would drop them.
 */

import {
  type Cell,
  type ColumnDef,
  createColumnHelper,
  type RowData,
  tableFeatures,
  useTable,
} from "@tanstack/react-table";
import { type KeyboardEvent, type ReactNode, useEffect, useRef } from "react";
import { cx } from "../lib/cx";
import { moveRow } from "../lib/rows";
import { Icon } from "./icon";
import { usePlainRows, useVirtualRows, type VisibleRow } from "./visible-rows";

interface ColumnMeta {
  align?: "end";
  /** What becomes of the column where a row is a card: its own line, or nothing. */
  narrow?: "line" | "hide";
  /** Dropped before the table becomes cards, where there is some room but not enough. */
  spare?: boolean;
  /** The value of `sort` that orders by this column. */
  sort?: string;
  className?: string;
}

const features = tableFeatures({ columnMeta: {} as ColumnMeta });
type Features = typeof features;
export type Columns<Row extends RowData> = ColumnDef<Features, Row, unknown>[];

/** The column helper of a page: `columnsOf<Row>().display({ id, header, cell, meta })`. */
export const columnsOf = <Row extends RowData>() => createColumnHelper<Features, Row>();

interface Props<Row extends RowData> {
  label: string;
  columns: Columns<Row>;
  rows: readonly Row[];
  rowKey: (row: Row) => string;
  sort?: { value: string; onChange: (value: string) => void };
  more?: { has: boolean; loading: boolean; load: () => void; failed?: ReactNode };
  /** Pixels of a row before it is measured. */
  rowHeight?: number;
  selected?: string | undefined;
}

const virtualFrom = 100;

export function DataTable<Row extends RowData>(props: Props<Row>) {
  return props.rows.length > virtualFrom ? <VirtualTable {...props} /> : <PlainTable {...props} />;
}

function PlainTable<Row extends RowData>(props: Props<Row>) {
  return <TableView {...props} view={usePlainRows(props.rows.length)} />;
}

function VirtualTable<Row extends RowData>(props: Props<Row>) {
  const ref = useRef<HTMLTableSectionElement>(null);
  const view = useVirtualRows(ref, props.rows.length, props.rowHeight ?? 53);
  return <TableView {...props} view={view} bodyRef={ref} />;
}

interface View {
  rows: VisibleRow[];
  before: number;
  after: number;
  measure?: (element: Element | null) => void;
}

function TableView<Row extends RowData>({
  label,
  columns,
  rows,
  rowKey,
  sort,
  more,
  selected,
  view,
  bodyRef,
}: Props<Row> & { view: View; bodyRef?: React.RefObject<HTMLTableSectionElement | null> }) {
  const table = useTable<Features, Row>({ features, columns, data: rows as Row[], getRowId: rowKey });
  const model = table.getRowModel().rows;
  const width = columns.length;
  return (
    <div onKeyDown={walk} className="@container overflow-x-auto">
      <table
        role="table"
        aria-label={label}
        aria-rowcount={more?.has ? -1 : rows.length + 1}
        className="data-table w-full border-collapse text-left @max-2xl:block"
      >
        <thead role="rowgroup" className="@max-2xl:hidden">
          {table.getHeaderGroups().map((group) => (
            <tr key={group.id} role="row" aria-rowindex={1}>
              {group.headers.map((header) => {
                const meta = header.column.columnDef.meta;
                const sorted = sort && meta?.sort === sort.value;
                return (
                  <th
                    key={header.id}
                    role="columnheader"
                    scope="col"
                    aria-sort={sorted ? "descending" : undefined}
                    className={cx(
                      "h-9 border-b border-line px-3 text-xs font-medium whitespace-nowrap text-ink-3 first:pl-4 last:pr-4",
                      meta?.align === "end" && "text-right",
                      meta?.spare && "@max-4xl:hidden",
                      meta?.className,
                    )}
                  >
                    {sort && meta?.sort ? (
                      <button
                        type="button"
                        className="inline-flex items-center gap-1 rounded-sm hover:text-ink"
                        onClick={() => sort.onChange(meta.sort as string)}
                      >
                        <table.FlexRender header={header} />
                        <Icon name="down" size={10} className={sorted ? "text-accent" : "opacity-0"} />
                      </button>
                    ) : (
                      <table.FlexRender header={header} />
                    )}
                  </th>
                );
              })}
            </tr>
          ))}
        </thead>
        <tbody ref={bodyRef} role="rowgroup" className="@max-2xl:block">
          <Spacer height={view.before} columns={width} />
          {view.rows.map(({ index }) => {
            const row = model[index];
            if (!row) return null;
            return (
              <tr
                key={row.id}
                ref={view.measure}
                data-index={index}
                role="row"
                aria-rowindex={index + 2}
                aria-selected={selected === undefined ? undefined : selected === row.id}
                className="group relative border-b border-hair last:border-0 focus-within:bg-inset hover:bg-inset aria-selected:bg-accent-soft @max-2xl:grid @max-2xl:grid-cols-[1fr_auto] @max-2xl:gap-x-3 @max-2xl:gap-y-1 @max-2xl:px-4 @max-2xl:py-3"
              >
                {row.getAllCells().map((cell) => {
                  const meta = cell.column.columnDef.meta;
                  return (
                    <td
                      key={cell.id}
                      role="cell"
                      className={cx(
                        "px-3 py-2 align-middle first:pl-4 last:pr-4 @max-2xl:p-0!",
                        meta?.align === "end" && "text-right @max-2xl:text-left",
                        meta?.narrow === "hide" && "@max-2xl:hidden",
                        meta?.spare && "@max-4xl:hidden",
                        meta?.narrow === "line" && "@max-2xl:col-span-2",
                        meta?.className,
                      )}
                    >
                      <Content cell={cell} />
                    </td>
                  );
                })}
              </tr>
            );
          })}
          <Spacer height={view.after} columns={width} />
        </tbody>
      </table>
      {more && <More {...more} />}
    </div>
  );
}

/**
 * Renders under one name whatever function the columns bring. A page that makes its columns anew with every render would
 * otherwise have every cell made anew, and the row that was opened would lose the focus.
 */
function Content<Row extends RowData>({ cell }: { cell: Cell<Features, Row, unknown> }) {
  const { cell: render } = cell.column.columnDef;
  return typeof render === "function" ? render(cell.getContext()) : render;
}

function Spacer({ height, columns }: { height: number; columns: number }) {
  if (height <= 0) return null;
  return (
    <tr aria-hidden="true" className="@max-2xl:block">
      <td colSpan={columns} style={{ height, padding: 0 }} className="@max-2xl:block" />
    </tr>
  );
}

/** Asks for the next page shortly before the end comes into view. */
function More({ has, loading, load, failed }: NonNullable<Props<never>["more"]>) {
  const ref = useRef<HTMLDivElement>(null);
  const wanted = has && !loading && !failed;
  useEffect(() => {
    const element = ref.current;
    if (!element || !wanted) return;
    const observer = new IntersectionObserver(([entry]) => entry?.isIntersecting && load(), { rootMargin: "800px" });
    observer.observe(element);
    return () => observer.disconnect();
  }, [wanted, load]);
  if (failed) return failed;
  return (
    <div ref={ref} role="status" className="text-center text-xs text-ink-3">
      {loading && <p className="border-t border-hair py-3">Loading more</p>}
    </div>
  );
}

/** Up and down move between rows, like `j` and `k`. */
function walk(event: KeyboardEvent<HTMLElement>): void {
  if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
  if (event.target instanceof Element && event.target.matches("[data-row-link]")) {
    event.preventDefault();
    moveRow(event.key === "ArrowDown" ? 1 : -1);
  }
}
