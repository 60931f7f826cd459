//! The result for people: what this is, what is in it, which keys held when, what is wrong, one last word.

use std::io::{self, Write};

use proofline_evidence::export::{KeyValidity, Report};

pub(crate) fn report(out: &mut impl Write, report: &Report) -> io::Result<()> {
    head(out, report)?;
    if !report.kinds.is_empty() {
        writeln!(out, "\nStatements")?;
        for (kind, count) in &report.kinds {
            writeln!(out, "  {kind:<14}{count:>8}")?;
        }
    }
    if !report.keys.is_empty() {
        writeln!(out, "\nKeys, as the log itself says")?;
        report.keys.iter().try_for_each(|key| validity(out, key))?;
    }
    findings(out, report)?;
    writeln!(out)?;
    if report.verified {
        writeln!(out, "VERIFIED")
    } else if report.consistent {
        writeln!(
            out,
            "CONSISTENT, NOT VERIFIED: the checkpoint key comes from the export itself, so anybody could have made it.\n\
             Give the key that you received on another way: --checkpoint-key KEY"
        )
    } else {
        let plural = if report.findings_total == 1 { "" } else { "s" };
        writeln!(out, "NOT VERIFIED ({} finding{plural})", report.findings_total)
    }
}

fn head(out: &mut impl Write, report: &Report) -> io::Result<()> {
    writeln!(out, "Proofline evidence export")?;
    if let (Some(installation), Some(site)) = (report.installation, report.site) {
        writeln!(out, "  site          {site}\n  installation  {installation}")?;
    }
    if let Some(root) = report.root {
        writeln!(
            out,
            "  entries       {} read, {} in the checkpoint\n  root          {root}",
            report.entries, report.size
        )?;
    }
    let signed_at = report.signed_at.as_deref().unwrap_or("not proven");
    writeln!(out, "  signed        {signed_at}")?;
    if let Some(key) = &report.checkpoint_key {
        writeln!(out, "  key           {key}")?;
        if !report.checkpoint_key_was_given {
            writeln!(out, "                taken from the export itself")?;
        }
        if let Some(signer) = report.checkpoint_signer.as_ref().filter(|signer| *signer != key) {
            writeln!(out, "  signed by     {signer}\n                a successor of that key")?;
        }
    }
    match report.consistent_since {
        Some(size) => {
            writeln!(out, "  since         nothing changed in the {size} entries of your older checkpoint")
        }
        None => Ok(()),
    }
}

fn validity(out: &mut impl Write, key: &KeyValidity) -> io::Result<()> {
    let from = key.from_entry.map_or("the first entry".to_owned(), |entry| format!("entry {entry}"));
    let until = key.until_entry.map_or("now".to_owned(), |entry| format!("entry {entry}"));
    let holder = key.holder.map(|holder| format!(", {holder}")).unwrap_or_default();
    writeln!(out, "  {}\n    {}{holder}: from {from} until {until}", key.key_id, key.role.as_str())
}

fn findings(out: &mut impl Write, report: &Report) -> io::Result<()> {
    if report.findings.is_empty() {
        return Ok(());
    }
    writeln!(out, "\nFindings")?;
    for finding in &report.findings {
        let place = finding.entry.map_or("export".to_owned(), |entry| format!("entry {entry}"));
        writeln!(out, "  {place}: {} ({})", finding.reason.sentence(), finding.reason.code())?;
        writeln!(out, "    {}", finding.detail)?;
    }
    let more = report.findings_total - report.findings.len() as u64;
    if more > 0 { writeln!(out, "  and {more} more") } else { Ok(()) }
}
