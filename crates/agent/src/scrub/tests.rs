use super::{LIMIT, WHOLE, scrub};

/// What is taken out of each text, in its place.
#[track_caller]
fn all(cases: &[(&str, &str)]) {
    for (text, clean) in cases {
        assert_eq!(scrub(text), *clean, "{text:?}");
        assert_eq!(scrub(clean), *clean, "not at rest: {clean:?}");
    }
}

#[track_caller]
fn untouched(texts: &[&str]) {
    for text in texts {
        assert_eq!(scrub(text), *text);
    }
}

#[test]
fn numbers_of_people() {
    all(&[
        ("for 123-45-6789.", "for [removed: ssn]."),
        ("scan_123-45-6789_2.pdf", "scan_[removed: ssn]_2.pdf"),
        ("123 45 6789", "[removed: ssn]"),
        ("SSN=123456789", "SSN=[removed: ssn]"),
        ("ssn (last 4): 6789", "ssn (last 4): [removed: ssn]"),
        ("ssn: xxx-xx-6789", "ssn: [removed: ssn]"),
        ("１２３－４５－６７８９", "[removed: ssn]"),
        ("123–45–6789", "[removed: ssn]"),
        ("123 - 45 - 6789", "[removed: ssn]"),
        ("0012345 (MRN)", "[removed: record number] (MRN)"),
        ("MRN for Smith: 0012345", "MRN for Smith: [removed: record number]"),
        ("MRN: A0012345, room 4", "MRN: [removed: record number], room 4"),
        ("/srv/scans/MRN_0012345.tif", "/srv/scans/MRN_[removed: record number].tif"),
        ("patientId=40012", "patientId=[removed: record number]"),
        ("Chart # 12-34-56", "Chart # [removed: record number]"),
        ("medical record number is 0012345", "medical record number is [removed: record number]"),
        ("1EG4-TE5-MK73 and 1eg4te5mk73", "[removed: health plan] and [removed: health plan]"),
        ("Member ID: XYZ123456789", "Member ID: [removed: health plan]"),
        ("4111 1111 1111 1111", "[removed: card]"),
        ("378282246310005", "[removed: card]"),
    ]);
}

#[test]
fn dates_of_birth() {
    for date in [
        "1957-03-02",
        "03/02/1957",
        "3/2/57",
        "19570302",
        "03021957",
        "March 2, 1957",
        "2 Mar 1957",
        "02-MAR-1957",
        "March 2nd, 1957",
        "1957_03_02",
        "03.02.1957",
    ] {
        all(&[
            (&format!("Smith_John_DOB_{date}.pdf"), "Smith_John_DOB_[removed: date of birth].pdf"),
            (
                &format!("date of birth (mm/dd/yyyy): {date}"),
                "date of birth (mm/dd/yyyy): [removed: date of birth]",
            ),
        ]);
    }
    all(&[("\"dateOfBirth\":\"1957-03-02\"", "\"dateOfBirth\":\"[removed: date of birth]\"")]);
    untouched(&["modified 1957-03-02", "Birth: 2026-11-22 08:00:00"]);
}

#[test]
fn ways_to_reach_somebody() {
    all(&[
        ("john.smith@example.com", "[removed: email]"),
        ("<o'neil+x@mail.example.org>", "<[removed: email]>"),
        ("to=j%40example.com&x", "to=[removed: email]&x"),
        ("(555) 234-5678", "[removed: phone]"),
        ("+15552345678", "[removed: phone]"),
        ("1-555-234-5678", "[removed: phone]"),
        ("555.234.5678", "[removed: phone]"),
        ("+44 20 7946 0958", "[removed: phone]"),
        ("cell: 5552345678", "cell: [removed: phone]"),
    ]);
}

#[test]
fn what_somebody_has() {
    all(&[
        ("ICD-10: E11.9", "ICD-10: [removed: diagnosis]"),
        ("dx=F32", "dx=[removed: diagnosis]"),
        ("Smith_John_E11.65.pdf", "Smith_John_[removed: diagnosis].pdf"),
        ("E11.9 Smith, John", "[removed: diagnosis] Smith, John"),
        ("PID|1||12345^^^A||SMITH^JOHN||19570302|M\nPV1|1", "[removed: patient]\nPV1|1"),
    ]);
}

#[test]
fn what_a_machine_says_about_itself_stays() {
    untouched(&[
        "",
        "192.168.100.200, 10.0.0.1:8443, fe80::1ff:fe23:4567:890a",
        "openssl 3.5.1-1+deb13u1, 6.12.43+deb13-amd64, 1:9.2p1-2+deb12u3, 550.127.08",
        "2026-11-22T08:00:00.123456Z, Sun 22 Nov 2026 08:00:00 UTC, 1732262400, 1732262400123456789",
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU",
        "0193f1c2-1234-7123-8123-123456789012, site_0193f1c2123471238123123456789012",
        "net.ipv4.tcp_rmem = 4096 131072 6291456; net.ipv4.ip_local_port_range = 32768 60999",
        "chacha20-poly1305@openssh.com,aes256-gcm@openssh.com,curve25519-sha256@libssh.org",
        "user@1000.service, getty@tty1.service, git@github.com, root@clinic.example",
        "mobile/2017-07-01/service.json, pt_BR/LC_MESSAGES/iso_15924.mo",
        "telnet 192.168.1.100, mobility 12345678, acheron 12345, charter 2026",
        "/dev/sda1 4000787030016 123 45% /srv",
        "+0000, GMT+0100, deb12+20261122",
        "uid 1000 gid 1000 group id 1000, 0755, pid 4194304",
        "crontab(5): 00 12 * * 1-5",
    ]);
}

#[test]
fn a_text_is_bounded() {
    let long = "a".repeat(LIMIT * 2);
    assert_eq!(scrub(&long).len(), LIMIT);
    let many = "x@y.zz ".repeat(LIMIT / 7);
    assert!(scrub(&many).len() <= 4 * many.len() + 32);
    assert_eq!(scrub(WHOLE), WHOLE);
}
