//! What the vault sealed, opened by somebody else's implementation, from what the crate documents alone: HKDF and Fernet
//! of Python's `cryptography`.

use std::io::Write as _;
use std::process::{Command, Stdio};

use proofline_core::Secret;
use proofline_vault::{Cell, Vault};
use uuid::Uuid;

/// Reads lines `master key, table, column, tenant, row, token`, and prints key id and plain text of each.
const OPEN: &str = r#"
import base64, sys, uuid
from cryptography.fernet import Fernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

def derive(master, length, *parts):
    info = b"proofline vault v1" + b"".join(len(part).to_bytes(8, "big") + part for part in parts)
    return HKDF(algorithm=SHA256(), length=length, salt=None, info=info).derive(master)

for line in sys.stdin:
    master, table, column, tenant, row, token = line.split()
    master = bytes.fromhex(master)
    tenant = b"" if tenant == "-" else uuid.UUID(tenant).bytes
    key = derive(master, 32, b"cell", table.encode(), column.encode(), tenant, uuid.UUID(row).bytes)
    secret = Fernet(base64.urlsafe_b64encode(key)).decrypt(token.encode())
    print(derive(master, 8, b"id").hex(), secret.decode())
"#;

fn python(script: &str) -> Command {
    let mut command = Command::new("python3");
    command.args(["-c", script]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

#[test]
fn another_implementation_opens_what_was_sealed() {
    let there = python("import cryptography").output().is_ok_and(|output| output.status.success());
    if !there {
        assert!(
            std::env::var_os("CI").is_none(),
            "python3-cryptography is missing: run `scripts/setup test` before the tests"
        );
        eprintln!(
            "NOT TESTED against another implementation: install python3-cryptography (scripts/setup test)"
        );
        return;
    }
    let master = [0x5a; 32];
    let vault = Vault::new(&master, &[]);
    let (tenant, row) = (Uuid::from_u128(0x0123_4567_89ab_cdef), Uuid::from_u128(u128::MAX - 9));
    let cells = [
        Cell { table: "appliance_credential", column: "envelope", tenant: Some(tenant), row },
        Cell { table: "totp_factor", column: "secret", tenant: None, row },
    ];
    let mut child = python(OPEN).spawn().expect("python3 runs");
    let mut input = child.stdin.take().expect("piped");
    let mut expected = String::new();
    for (number, cell) in cells.iter().enumerate() {
        let secret = format!("plum-{number}-Zürich");
        let sealed = vault.seal(cell, &Secret::new(&secret));
        let tenant = cell.tenant.map_or("-".to_owned(), |tenant| tenant.to_string());
        let line =
            [&hex::encode(master), cell.table, cell.column, &tenant, &cell.row.to_string(), &sealed.token];
        writeln!(input, "{}", line.join(" ")).expect("reads");
        expected.push_str(&format!("{} {secret}\n", sealed.key));
    }
    drop(input);
    let output = child.wait_with_output().expect("ends");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(String::from_utf8_lossy(&output.stdout), expected);
}
