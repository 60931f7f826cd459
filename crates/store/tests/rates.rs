//! A rate is a fraction from 0 to 1: the database refuses anything else, whoever writes it.

use proofline_testkit::TestDatabase;
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Executor as _};

/// Columns that hold a rate, by their type, which is for nothing that is counted, or by their name.
const RATES: &str = "
    SELECT c.relname::text, a.attname::text
    FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_type t ON t.oid = a.atttypid
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND a.attnum > 0 AND NOT a.attisdropped
        AND ('{float4,float8,numeric}'::regtype[] && ARRAY[t.oid, t.typbasetype, t.typelem]::regtype[]
            OR a.attname ~ '(^|_)(rates?|ratios?|fractions?|shares?|percent|coverage|scores?|confidence|probability)(_|$)')
    ORDER BY 1, 2";

/// What the rates of a site are worked out from when they are read: a rate is a sum of these over a larger sum of them.
const COUNTS: [&str; 5] = ["pass", "fail", "not_assessed", "stale", "not_applicable"];

/// The score is the one weight over the other.
const WEIGHTS: &str = "passing_weight, applicable_weight";

async fn execute(database: &mut PgConnection, sql: String) -> Result<(), sqlx::Error> {
    #[expect(clippy::disallowed_methods, reason = "names of the catalogue and numbers of this file")]
    database.execute(AssertSqlSafe(sql)).await.map(drop)
}

/// An empty table `draft` with the constraints of this one, in which a row may be written column by column.
async fn draft(database: &mut PgConnection, table: &str) {
    let sql = format!(
        "DROP TABLE IF EXISTS draft; CREATE TEMPORARY TABLE draft (LIKE {table} INCLUDING CONSTRAINTS);
         DO $$ DECLARE name name; BEGIN
            FOR name IN SELECT attname FROM pg_attribute WHERE attrelid = 'draft'::regclass AND attnum > 0 AND attnotnull
            LOOP EXECUTE format('ALTER TABLE draft ALTER COLUMN %I DROP NOT NULL', name); END LOOP;
         END $$"
    );
    execute(database, sql).await.expect("drafts");
}

/// Whether a constraint refuses these values.
async fn is_refused(database: &mut PgConnection, columns: &str, values: &str) -> bool {
    match execute(database, format!("INSERT INTO draft ({columns}) VALUES ({values})")).await {
        Ok(()) => false,
        Err(error) => {
            let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
            assert_eq!(code.as_deref(), Some("23514"), "{columns} = {values}: {error}");
            true
        }
    }
}

/// What is wrong with the columns that hold a rate: each as `table.column takes value` or `table.column refuses value`.
async fn wrong(database: &mut PgConnection) -> Vec<String> {
    let rates: Vec<(String, String)> = sqlx::query_as(RATES).fetch_all(&mut *database).await.expect("reads");
    let mut wrong = Vec::new();
    for (table, column) in rates {
        draft(database, &table).await;
        for value in ["1.5", "-0.5", "'NaN'", "'Infinity'", "'-Infinity'", "100"] {
            // A type that cannot hold the value refuses it as well, but an integer rounds it or takes a percentage.
            if !is_refused(database, &column, value).await {
                wrong.push(format!("{table}.{column} takes {value}"));
            }
        }
        for value in ["0", "0.5", "1"] {
            if is_refused(database, &column, value).await {
                wrong.push(format!("{table}.{column} refuses {value}"));
            }
        }
    }
    wrong
}

#[tokio::test]
async fn every_column_with_a_rate_takes_fractions_alone() {
    let database = TestDatabase::create().await;
    let mut superuser = database.superuser().await;
    assert_eq!(wrong(&mut superuser).await, [""; 0]);
    // And columns of other kinds would be found, in a table like any other.
    let sql = "CREATE TABLE measure (
        id uuid PRIMARY KEY,
        good double precision NOT NULL CHECK (good >= 0 AND good <= 1),
        unchecked real NOT NULL,
        from_below numeric CHECK (from_below >= 0),
        success_rate numeric CHECK (success_rate BETWEEN 0 AND 100))";
    superuser.execute(sql).await.expect("creates");
    let found = wrong(&mut superuser).await;
    assert!(
        found.iter().all(|line| line.starts_with("measure.") && !line.starts_with("measure.good")),
        "{found:?}"
    );
    for line in [
        "measure.unchecked takes 1.5",
        "measure.unchecked takes -0.5",
        "measure.unchecked takes 'NaN'",
        "measure.from_below takes 'NaN'",
        "measure.from_below takes 1.5",
        "measure.success_rate takes 1.5",
        "measure.success_rate takes 100",
    ] {
        assert!(found.iter().any(|other| other == line), "{line} is not among {found:?}");
    }
}

#[tokio::test]
async fn no_part_is_negative_or_more_than_its_whole() {
    let database = TestDatabase::create().await;
    let mut superuser = database.superuser().await;
    draft(&mut superuser, "site_posture").await;
    for count in COUNTS {
        assert!(is_refused(&mut superuser, count, "-1").await, "{count} is negative");
        assert!(!is_refused(&mut superuser, count, "0").await, "{count} may be 0");
    }
    for weights in ["3, 2", "-1, 2", "0, -1", "-2, -1"] {
        assert!(is_refused(&mut superuser, WEIGHTS, weights).await, "{weights}");
    }
    for weights in ["0, 0", "1, 2", "2, 2"] {
        assert!(!is_refused(&mut superuser, WEIGHTS, weights).await, "{weights}");
    }
}
