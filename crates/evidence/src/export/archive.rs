//! The plain subset of ustar (POSIX.1-1988) that an export is made of: regular files with short names, nothing else.
//!
//! Why not a general reader: links, directories, sparse files, extended headers and name prefixes are where archive readers
//! disagree and where files escape their folder. An export has none of them, so each is a finding. `tar -x` still works.

use std::io::{self, Read};
use std::ops::Range;

use crate::tile::MAX_BUNDLE_BYTES;
use crate::{Defect, Reason};

const BLOCK: usize = 512;
const MAX_NAME: usize = 100;
const CHECKSUM: Range<usize> = 148..156;

/// The bytes of one file in the archive: header, content, padding. `seconds` since 1970 is its modification time.
///
/// # Panics
/// If the name has more than 100 bytes or the content more than 8 GiB: an export has neither.
pub fn member(name: &str, content: &[u8], seconds: u64) -> Vec<u8> {
    assert!(name.len() <= MAX_NAME && (content.len() as u64) < 1 << 33, "ustar holds it");
    let padding = content.len().next_multiple_of(BLOCK) - content.len();
    let mut bytes = Vec::with_capacity(BLOCK + content.len() + padding);
    bytes.extend_from_slice(&header(name, content.len(), seconds));
    bytes.extend_from_slice(content);
    bytes.resize(bytes.len() + padding, 0);
    bytes
}

/// The one header that a file of this name, size and time has here: nobody's, readable, not a program.
fn header(name: &str, size: usize, seconds: u64) -> [u8; BLOCK] {
    let mut header = [0_u8; BLOCK];
    let mut put = |at: usize, text: &str| header[at..at + text.len()].copy_from_slice(text.as_bytes());
    put(0, name);
    put(100, "0000644\0");
    put(108, "0000000\0");
    put(116, "0000000\0");
    put(124, &format!("{size:011o}\0"));
    put(136, &format!("{seconds:011o}\0"));
    put(148, "        ");
    put(156, "0");
    put(257, "ustar\x0000");
    let sum = checksum(&header);
    header[CHECKSUM].copy_from_slice(checksum_field(sum).as_bytes());
    header
}

/// The end of an archive: two empty blocks.
pub fn end() -> Vec<u8> {
    vec![0; 2 * BLOCK]
}

fn checksum_field(sum: u32) -> String {
    format!("{sum:06o}\0 ")
}

fn checksum(header: &[u8; BLOCK]) -> u32 {
    header
        .iter()
        .enumerate()
        .map(|(at, byte)| if CHECKSUM.contains(&at) { 32 } else { u32::from(*byte) })
        .sum()
}

/// Why reading stopped.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// The source could not be read: says nothing about the export.
    #[error("the export cannot be read")]
    Read(#[from] io::Error),
    /// The export is not what it should be.
    #[error(transparent)]
    Defect(#[from] Defect),
}

/// One file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Its name: relative, no `.` or `..` elements, plain ASCII.
    pub name: String,
    /// Its bytes.
    pub content: Vec<u8>,
}

/// Reads an archive file by file.
#[derive(Debug)]
pub struct ArchiveReader<R> {
    source: R,
}

impl<R: Read> ArchiveReader<R> {
    /// Reads from `source`, which should be buffered.
    pub fn new(source: R) -> Self {
        Self { source }
    }

    /// The next file; `None` at the proper end of the archive, behind which nothing but zeros may follow.
    pub fn next_member(&mut self) -> Result<Option<Member>, ArchiveError> {
        let mut header = [0; BLOCK];
        self.fill(&mut header)?;
        if header == [0; BLOCK] {
            return self.at_end().map(|()| None);
        }
        let (name, size) = parse_header(&header)?;
        let mut content = vec![0; size];
        self.fill(&mut content)?;
        let mut padding = [0; BLOCK];
        self.fill(&mut padding[..size.next_multiple_of(BLOCK) - size])?;
        if padding != [0; BLOCK] {
            return Err(malformed("padding is not zero").into());
        }
        Ok(Some(Member { name, content }))
    }

    fn fill(&mut self, buffer: &mut [u8]) -> Result<(), ArchiveError> {
        self.source.read_exact(buffer).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => malformed("cut short").into(),
            _ => ArchiveError::Read(error),
        })
    }

    fn at_end(&mut self) -> Result<(), ArchiveError> {
        let mut second = [0; BLOCK];
        self.fill(&mut second)?;
        let mut seen = second.iter().any(|byte| *byte != 0);
        let mut rest = [0; 4096];
        loop {
            match self.source.read(&mut rest)? {
                0 => break,
                count => seen |= rest[..count].iter().any(|byte| *byte != 0),
            }
        }
        if seen { Err(malformed("something follows the end").into()) } else { Ok(()) }
    }
}

fn malformed(detail: &str) -> Defect {
    Defect::new(Reason::ArchiveMalformed, detail)
}

fn parse_header(found: &[u8; BLOCK]) -> Result<(String, usize), Defect> {
    if found[CHECKSUM] != *checksum_field(checksum(found)).as_bytes() {
        return Err(malformed("a header's checksum is wrong"));
    }
    if &found[257..265] != b"ustar\x0000" {
        return Err(malformed("a header is not ustar"));
    }
    if found[156] != b'0' || found[157..257].iter().any(|byte| *byte != 0) {
        return Err(Defect::new(Reason::ArchiveKind, "not a plain file"));
    }
    let name = member_name(&found[..MAX_NAME])?;
    if found[345..500].iter().any(|byte| *byte != 0) {
        return Err(Defect::new(Reason::ArchiveName, "a name with a prefix"));
    }
    let size = usize::try_from(octal(&found[124..136])?).ok().filter(|size| *size <= MAX_BUNDLE_BYTES);
    let size =
        size.ok_or_else(|| Defect::new(Reason::ArchiveSize, format!("more than {MAX_BUNDLE_BYTES} bytes")))?;
    // Owner, mode and whatever else a reader might obey: all as written, or it is not from here.
    if *found != header(&name, size, octal(&found[136..148])?) {
        return Err(malformed("a header says more than name, size and time"));
    }
    Ok((name, size))
}

/// Octal digits, then NUL or space to the end of the field.
fn octal(field: &[u8]) -> Result<u64, Defect> {
    let refused = || malformed("a header's number is not octal");
    let digits = field.iter().take_while(|byte| (b'0'..=b'7').contains(*byte)).count();
    let clean = digits > 0 && field[digits..].iter().all(|byte| matches!(byte, 0 | b' '));
    let text = std::str::from_utf8(&field[..digits]).ok().filter(|_| clean).ok_or_else(refused)?;
    u64::from_str_radix(text, 8).map_err(|_| refused())
}

fn member_name(field: &[u8]) -> Result<String, Defect> {
    let refused = || Defect::new(Reason::ArchiveName, "a name that is not relative and plain");
    let length = field.iter().position(|byte| *byte == 0).unwrap_or(field.len());
    let (name, rest) = field.split_at(length);
    let plain =
        name.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'.' | b'_' | b'-'));
    let name = std::str::from_utf8(name).map_err(|_| refused())?;
    let elements = name.split('/').all(|element| !matches!(element, "" | "." | ".."));
    if plain && elements && rest.iter().all(|byte| *byte == 0) { Ok(name.to_owned()) } else { Err(refused()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(bytes: &[u8]) -> Result<Option<Member>, Reason> {
        ArchiveReader::new(bytes).next_member().map_err(|error| match error {
            ArchiveError::Defect(defect) => defect.reason,
            ArchiveError::Read(error) => panic!("{error}"),
        })
    }

    /// A header with one field overwritten and its checksum made right again.
    fn with_field(at: usize, field: &[u8]) -> Vec<u8> {
        let mut bytes = [member("a", b"x", 0), end()].concat();
        bytes[at..at + field.len()].copy_from_slice(field);
        let header: &mut [u8; BLOCK] = bytes.first_chunk_mut().expect("a block");
        let sum = checksum(header);
        header[CHECKSUM].copy_from_slice(checksum_field(sum).as_bytes());
        bytes
    }

    #[test]
    fn files_come_back_in_order() {
        let bytes =
            [member("a", b"x", 7), member("tile/0/000", &[1; 512], 7), member("e", b"", 7), end()].concat();
        let mut reader = ArchiveReader::new(&bytes[..]);
        let mut names = Vec::new();
        while let Some(member) = reader.next_member().expect("sound") {
            names.push((member.name, member.content.len()));
        }
        assert_eq!(names, [("a".into(), 1), ("tile/0/000".into(), 512), ("e".into(), 0)]);
    }

    #[test]
    fn names_that_leave_the_folder_are_refused() {
        for name in ["../a", "/a", "a/../b", "./a", "a//b", "a\\b", "a/", "c:a", "a\nb"] {
            assert_eq!(first(&with_field(0, name.as_bytes())), Err(Reason::ArchiveName), "{name:?}");
        }
        assert_eq!(first(&with_field(345, b"etc")), Err(Reason::ArchiveName));
        assert_eq!(first(&with_field(0, "é".as_bytes())), Err(Reason::ArchiveName));
    }

    #[test]
    fn only_plain_files_of_bearable_size_are_read() {
        for kind in [b"1", b"2", b"3", b"5", b"x", b"g", b"L", b"S", b"\0"] {
            assert_eq!(first(&with_field(156, kind)), Err(Reason::ArchiveKind), "{kind:?}");
        }
        assert_eq!(first(&with_field(157, b"/etc/passwd")), Err(Reason::ArchiveKind));
        assert_eq!(first(&with_field(124, b"77777777777\0")), Err(Reason::ArchiveSize));
        assert_eq!(
            first(&with_field(124, b"\x80\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff")),
            Err(Reason::ArchiveMalformed)
        );
    }

    #[test]
    fn a_header_holds_name_size_and_time_and_nothing_else() {
        for (at, field) in [
            (100, &b"0006755\0"[..]),
            (108, b"0001750\0"),
            (116, b"0000144\0"),
            (265, b"root"),
            (297, b"wheel"),
            (329, b"0000001\0"),
            (500, b"x"),
            (136, b"77777777777 "),
        ] {
            assert_eq!(first(&with_field(at, field)), Err(Reason::ArchiveMalformed), "{at}");
        }
        assert!(first(&with_field(136, b"14742231260\0")).is_ok(), "another time");
    }

    #[test]
    fn a_cut_or_continued_archive_is_refused() {
        let bytes = [member("a", b"x", 0), end()].concat();
        for length in [0, 1, 511, 512, 513, 1_023] {
            assert_eq!(first(&bytes[..length]), Err(Reason::ArchiveMalformed), "{length}");
        }
        assert_eq!(first(&[end(), vec![0; 5_000], vec![1]].concat()), Err(Reason::ArchiveMalformed));
        assert_eq!(first(&[end(), vec![0; 5_000]].concat()), Ok(None));
        let mut flipped = bytes;
        flipped[3] ^= 1;
        assert_eq!(first(&flipped), Err(Reason::ArchiveMalformed));
    }
}
