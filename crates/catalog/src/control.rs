//! One standard or implementation specification of 45 CFR 164.308–.316, and how honestly it is covered.

use proofline_core::Severity;
use serde::{Deserialize, Serialize};

/// What the rule demands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ControlKind {
    /// A standard without implementation specifications of its own: required.
    Standard,
    /// A required implementation specification.
    Required,
    /// An addressable one: implement it, or document why not and what is done instead.
    Addressable,
}

impl ControlKind {
    /// The spelling used in storage and on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::Required => "required",
            Self::Addressable => "addressable",
        }
    }
}

/// How a control is evidenced by this product.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CoverageKind {
    /// Checks measure it; nothing further is needed for the technical part.
    Automated,
    /// Checks measure a part, a person states the rest.
    Hybrid,
    /// Only a person can state it.
    Attestation,
    /// Neither measured nor recorded here.
    NotCovered,
}

impl CoverageKind {
    /// Every kind, most automated first.
    pub const ALL: [Self; 4] = [Self::Automated, Self::Hybrid, Self::Attestation, Self::NotCovered];

    /// The spelling used in storage and on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Automated => "automated",
            Self::Hybrid => "hybrid",
            Self::Attestation => "attestation",
            Self::NotCovered => "not_covered",
        }
    }
}

/// A kind of coverage and the reason for it, as printed beside it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Coverage {
    /// How.
    pub kind: CoverageKind,
    /// Why not more, or what exactly is measured.
    pub reason: String,
}

/// A framework that controls are mapped to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Framework {
    /// NIST SP 800-53 revision 5.
    #[serde(rename = "nist_800_53_r5")]
    Nist80053r5,
    /// NIST Cybersecurity Framework 2.0.
    #[serde(rename = "nist_csf_2_0")]
    NistCsf20,
    /// AICPA SOC 2 trust services criteria.
    #[serde(rename = "soc2_tsc")]
    Soc2Tsc,
    /// PCI DSS 4.0.1.
    #[serde(rename = "pci_dss_4_0_1")]
    PciDss401,
    /// CIS Critical Security Controls 8.1.
    #[serde(rename = "cis_v8_1")]
    CisV81,
}

/// What a control corresponds to in one other framework. A judgement, not an official crosswalk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mapping {
    /// The other framework.
    pub framework: Framework,
    /// Identifiers in that framework's own style, at least one.
    pub ids: Vec<String>,
}

/// All mappings of a control, with the reason and the day somebody last looked at them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Crosswalk {
    /// Why these correspond.
    pub rationale: String,
    /// `YYYY-MM-DD`.
    pub reviewed: String,
    /// One entry per framework that has a counterpart.
    pub to: Vec<Mapping>,
}

/// One control.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Control {
    /// The paragraph without the part's title number: `164.312(a)(2)(iv)`.
    pub id: String,
    /// The subject in the field's words.
    pub title: String,
    /// The same as a question that practice staff would ask.
    pub plain_title: String,
    /// Standard, required or addressable.
    pub kind: ControlKind,
    /// How much it weighs in the score.
    pub severity: Severity,
    /// How it is evidenced here.
    pub coverage: Coverage,
    /// What it corresponds to elsewhere.
    pub crosswalk: Crosswalk,
}
