//! `proofline doctor`: what works, what does not, and what to do about it. Changes nothing.

use std::path::Path;

use crate::database::Database;
use crate::fault::Fault;
use crate::secrets;
use crate::settings::Settings;

struct Report {
    failed: u32,
}

impl Report {
    fn line(&mut self, what: &str, outcome: Result<String, String>) {
        match outcome {
            Ok(detail) => println!("  ok    {what:<18} {detail}"),
            Err(detail) => {
                self.failed += 1;
                println!("  FAIL  {what:<18} {detail}");
            }
        }
    }
}

/// Looks at everything and ends with 1 when something is wrong.
pub(crate) async fn doctor(settings: &Settings) -> Result<(), Fault> {
    println!("Proofline {}", env!("CARGO_PKG_VERSION"));
    let mut report = Report { failed: 0 };
    let stage = if settings.development { "development" } else { "production" };
    report.line("stage", Ok(stage.to_owned()));
    report.line("public address", settings.checked_public_url().map_err(|f| f.to_string()));
    report.line(
        "listeners",
        settings
            .check_listeners()
            .map(|()| format!("{}, metrics {}", settings.listen, settings.metrics_listen))
            .map_err(|f| f.to_string()),
    );
    report
        .line("secrets", secrets::load(settings).map(|_| "all there".to_owned()).map_err(|f| f.to_string()));
    report.line("data directory", folder(&settings.data));
    report.line("server keys", keys(&settings.data));
    database(settings, &mut report).await;
    if report.failed == 0 {
        println!("Everything that was looked at works.");
        Ok(())
    } else {
        Err(Fault::Failed(anyhow::anyhow!("{} of the above need attention", report.failed)))
    }
}

fn folder(data: &Path) -> Result<String, String> {
    let shown = data.display();
    match std::fs::metadata(data) {
        Ok(found) if found.is_dir() => Ok(format!("{shown}")),
        Ok(_) => Err(format!("{shown} is not a folder")),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Ok(format!("{shown} will be made at the first start"))
        }
        Err(error) => Err(format!("{shown}: {error}")),
    }
}

fn keys(data: &Path) -> Result<String, String> {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = data.join("keys");
    let Ok(entries) = std::fs::read_dir(&folder) else {
        return Ok("will be made at the first start".to_owned());
    };
    let mut count = 0;
    for entry in entries.flatten() {
        let mode = entry.metadata().map_err(|e| e.to_string())?.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(format!(
                "{} can be read by others (mode {mode:o}); chmod 600 it",
                entry.path().display()
            ));
        }
        count += 1;
    }
    Ok(format!("{count} in {}; keep a backup of this folder", folder.display()))
}

async fn database(settings: &Settings, report: &mut Report) {
    match Database::open(settings).await {
        Err(fault) => report.line("database", Err(fault.to_string())),
        Ok(database) => {
            report.line("database", Ok(database.describe()));
            schema(&database, report).await;
            let connected = database.connect(settings).await;
            report.line(
                "runtime role",
                connected.map(|_| "row-level security applies to it".to_owned()).map_err(|f| f.to_string()),
            );
            database.stop().await;
        }
    }
}

async fn schema(database: &Database, report: &mut Report) {
    let Some(owner) = &database.owner else {
        report.line("schema", Ok("not looked at: PROOFLINE_OWNER_DATABASE_URL is not set".to_owned()));
        return;
    };
    let states = async {
        let mut migrator = proofline_store::Migrator::connect(owner).await?;
        migrator.status().await
    };
    let outcome = match states.await {
        Err(error) => Err(error.to_string()),
        Ok(states) => {
            let (missing, changed) =
                (states.iter().filter(|s| !s.applied).count(), states.iter().filter(|s| s.changed).count());
            match (missing, changed) {
                (0, 0) => Ok(format!("{} migrations, all applied", states.len())),
                (_, 0) => Err(format!("{missing} migrations are missing; run `proofline migrate up`")),
                _ => Err(format!(
                    "{changed} migrations were changed after they were applied; install the right version"
                )),
            }
        }
    };
    report.line("schema", outcome);
}
