use std::fs;
use std::io::{Read as _, Write as _};

use serde_json::{Value, json};

use super::*;

type Outcome = Result<(), Box<dyn std::error::Error>>;

const KNOWN: i64 = 3;

fn head() -> Head {
    Head {
        version: VERSION,
        schema: KNOWN,
        engine: "sqlite".to_owned(),
        made_at: Timestamp::UNIX_EPOCH,
    }
}

/// A small archive in a folder of its own.
fn written() -> Result<(tempfile::TempDir, std::path::PathBuf), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("a.backup");
    let mut writer = ArchiveWriter::create(&path, false, &head())?;
    for table in ["one", "two"] {
        writer.table(table)?;
        for n in 0..50 {
            writer.row(&json!({"n": n, "text": format!("#{table} {{\n\u{2028}é")}))?;
        }
    }
    writer.finish()?;
    Ok((folder, path))
}

/// Every row that can be read, and how it ended.
fn read(path: &std::path::Path) -> Result<Vec<(String, Value)>, ArchiveError> {
    let mut reader = ArchiveReader::open(path, KNOWN)?;
    let mut all = Vec::new();
    while let Some(table) = reader.table()? {
        loop {
            let rows = reader.rows::<Value>(7)?;
            if rows.is_empty() {
                break;
            }
            all.extend(rows.into_iter().map(|row| (table.clone(), row)));
        }
    }
    Ok(all)
}

fn recompressed(lines: &str) -> std::io::Result<Vec<u8>> {
    let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    out.write_all(lines.as_bytes())?;
    out.finish()
}

fn lines(path: &std::path::Path) -> Result<String, Box<dyn std::error::Error>> {
    let mut text = String::new();
    flate2::read::GzDecoder::new(fs::File::open(path)?).read_to_string(&mut text)?;
    Ok(text)
}

#[test]
fn rows_come_back_as_they_were_written() -> Outcome {
    let (_folder, path) = written()?;
    let rows = read(&path)?;
    assert_eq!(rows.len(), 100);
    let expected = (
        "two".to_owned(),
        json!({"n": 49, "text": "#two {\n\u{2028}é"}),
    );
    assert_eq!(rows.last(), Some(&expected));
    Ok(())
}

#[test]
fn a_file_that_ends_too_early_is_refused_wherever_it_ends() -> Outcome {
    let (_folder, path) = written()?;
    let whole = fs::read(&path)?;
    for length in 0..whole.len() {
        fs::write(&path, whole.get(..length).unwrap_or_default())?;
        let refused = read(&path).err();
        assert!(
            matches!(
                refused,
                Some(ArchiveError::CutOff { .. } | ArchiveError::Foreign(_))
            ),
            "{length}: {refused:?}"
        );
    }
    // Also when what is left was compressed anew, as a whole file.
    let text = lines(&path).or_else(|_| {
        fs::write(&path, &whole)?;
        lines(&path)
    })?;
    let end = text.rfind(END).ok_or("no end")?;
    fs::write(&path, recompressed(text.get(..end).unwrap_or_default())?)?;
    let refused = read(&path).err().map(|error| error.to_string());
    let expected = format!(
        "{} was cut off: it ends after 100 rows, without its last line",
        path.display()
    );
    assert_eq!(refused, Some(expected));
    Ok(())
}

#[test]
fn a_byte_that_changed_is_noticed_wherever_it_is() -> Outcome {
    let (_folder, path) = written()?;
    let whole = fs::read(&path)?;
    // From byte 10 on: the first ten are gzip's own, with a time and the name of a system in them.
    for place in 10..whole.len() {
        let mut changed = whole.clone();
        if let Some(byte) = changed.get_mut(place) {
            *byte ^= 0x10;
        }
        fs::write(&path, &changed)?;
        assert!(read(&path).is_err(), "byte {place}");
    }
    Ok(())
}

#[test]
fn rows_that_were_changed_left_out_or_added_by_hand_are_noticed() -> Outcome {
    let (_folder, path) = written()?;
    let text = lines(&path)?;
    let mut without_one: Vec<&str> = text.lines().collect();
    without_one.remove(5);
    for (changed, says) in [
        (text.replace("\"n\":7,", "\"n\":8,"), "does not agree"),
        (without_one.join("\n") + "\n", "does not agree"),
        (text.clone() + "{\"n\":1}\n", "goes on after its last line"),
        (
            text.replacen("{\"n\":3,", "{\"n\":3;", 1),
            "row 4 cannot be read",
        ),
        (text.replacen("#table two", "#tabel two", 1), "no row"),
    ] {
        assert_ne!(changed, text);
        fs::write(&path, recompressed(&changed)?)?;
        let refused = read(&path).err().map(|error| error.to_string());
        let refused = refused.ok_or("it was believed")?;
        assert!(refused.contains(says), "{refused}");
    }
    let mut with_more = recompressed(&text)?;
    assert!(read(&path).is_err());
    fs::write(&path, &with_more)?;
    read(&path)?;
    with_more.extend(recompressed("more")?);
    fs::write(&path, &with_more)?;
    assert!(read(&path).is_err());
    Ok(())
}

#[test]
fn what_is_no_backup_or_too_new_is_named_as_such() -> Outcome {
    let (_folder, path) = written()?;
    let text = lines(&path)?;
    for foreign in [
        Vec::new(),
        b"show_id,type,title\n".to_vec(),
        b"\x1f\x8b".to_vec(),
        recompressed("")?,
        recompressed("some text\nand more\n")?,
        recompressed("#catalog-backup what?\n")?,
    ] {
        fs::write(&path, &foreign)?;
        let refused = read(&path).err();
        assert!(
            matches!(refused, Some(ArchiveError::Foreign(_))),
            "{foreign:?}: {refused:?}"
        );
    }
    for (from, to, says) in [
        (
            "\"version\":1",
            "\"version\":2",
            "is a backup of format 2, and this program reads up to 1",
        ),
        (
            "\"schema\":3",
            "\"schema\":4",
            "holds tables of schema 4, and this program knows up to 3",
        ),
    ] {
        fs::write(&path, recompressed(&text.replacen(from, to, 1))?)?;
        let refused = read(&path).err().map(|error| error.to_string());
        let refused = refused.ok_or("it was believed")?;
        assert!(refused.contains(says), "{refused}");
    }
    Ok(())
}

#[test]
fn a_file_is_replaced_only_on_demand_and_only_by_a_whole_one() -> Outcome {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("a.backup");
    fs::write(&path, "precious")?;
    let refused = ArchiveWriter::create(&path, false, &head());
    assert!(matches!(refused, Err(ArchiveError::Exists(_))));
    // One that is not finished leaves the old one, and nothing else.
    let mut begun = ArchiveWriter::create(&path, true, &head())?;
    begun.table("one")?;
    drop(begun);
    assert_eq!(fs::read(&path)?, b"precious");
    assert_eq!(fs::read_dir(folder.path())?.count(), 1);
    // One that came meanwhile is not replaced either.
    fs::remove_file(&path)?;
    let begun = ArchiveWriter::create(&path, false, &head())?;
    fs::write(&path, "precious")?;
    assert!(matches!(begun.finish(), Err(ArchiveError::Exists(_))));
    assert_eq!(fs::read(&path)?, b"precious");
    ArchiveWriter::create(&path, true, &head())?.finish()?;
    assert!(read(&path)?.is_empty());
    assert_eq!(fs::read_dir(folder.path())?.count(), 1);
    Ok(())
}
