//! Whole files, in every variation in which they are found.

use std::fs;

use jiff::civil::date;
use proptest::prelude::*;

use super::*;
use crate::domain::ShowKind;
use crate::import::dialect::Newline;

type Result<T = (), E = Box<dyn std::error::Error>> = std::result::Result<T, E>;

/// The published layout, with a field of every difficult kind.
const PUBLISHED: &str = "\
show_id,type,title,director,cast,country,date_added,release_year,rating,duration,listed_in,description
s1,Movie,Dick Johnson Is Dead,Kirsten Johnson,,United States,\"September 25, 2021\",2020,PG-13,90 min,Documentaries,\"As her father nears the end, she \"\"stages\"\" it.\"
s2,TV Show,Amélie et  les autres,,\"Ama Qamata,  Khosi Ngema, AMA QAMATA\",\", France, Algeria\",\" August 4, 2017\",2017,TV-MA,2 Seasons,\"TV Dramas, TV Mysteries\",\"First line
second line\"
s3,Movie,Louis 2017,,Louis C.K.,,\"April 4, 2017\",2017,74 min,,Comedies,
";

fn read(file: &[u8]) -> (Vec<CleanShow>, Vec<Reject>) {
    let reader = ShowReader::from_reader("films.csv", file).unwrap();
    let (mut shows, mut rejects) = (Vec::new(), Vec::new());
    for row in reader {
        match row.unwrap() {
            Row::Show(show) => shows.push(show),
            Row::Reject(reject) => rejects.push(reject),
        }
    }
    (shows, rejects)
}

fn shows(file: impl AsRef<[u8]>) -> Vec<CleanShow> {
    let (shows, rejects) = read(file.as_ref());
    assert_eq!(rejects, [], "nothing is rejected");
    shows
}

fn refusal(file: impl AsRef<[u8]>) -> String {
    ShowReader::from_reader("films.csv", file.as_ref())
        .unwrap_err()
        .to_string()
}

#[test]
fn the_published_file_is_read() {
    let shows = shows(PUBLISHED);
    let [first, second, third] = &shows[..] else {
        panic!("{shows:#?}")
    };
    assert_eq!((first.line, second.line, third.line), (2, 3, 5));
    assert_eq!(first.kind, ShowKind::Movie);
    assert_eq!(first.date_added, Some(date(2021, 9, 25)));
    assert_eq!(
        first.description.as_deref(),
        Some("As her father nears the end, she \"stages\" it.")
    );
    assert_eq!(second.kind, ShowKind::TvShow);
    assert_eq!(second.title, "Amélie et les autres");
    assert_eq!(second.cast, ["Ama Qamata", "Khosi Ngema"]);
    assert_eq!(second.countries, ["France", "Algeria"]);
    assert_eq!(second.date_added, Some(date(2017, 8, 4)));
    assert_eq!(
        second.description.as_deref(),
        Some("First line\nsecond line")
    );
    assert_eq!(
        (third.rating.as_deref(), third.duration.as_deref()),
        (None, Some("74 min"))
    );
}

/// The published file with other separators.
fn with_separators(delimiter: &str, newline: &str) -> String {
    let mut rows = csv::ReaderBuilder::new()
        .has_headers(false)
        .from_reader(PUBLISHED.as_bytes());
    let mut out = String::new();
    for row in rows.records() {
        let quoted = |field: &str| format!("\"{}\"", field.replace('"', "\"\""));
        let fields: Vec<String> = row.unwrap().iter().map(quoted).collect();
        out += &fields.join(delimiter);
        out += "\n";
    }
    out.replace('\n', newline)
}

#[test]
fn separators_and_line_ends_make_no_difference() {
    let expected = shows(PUBLISHED);
    for delimiter in [",", ";", "\t", " ; "] {
        for newline in ["\n", "\r\n", "\r"] {
            let file = with_separators(delimiter, newline);
            assert_eq!(shows(&file), expected, "{delimiter:?} {newline:?}");
            let file = file.trim_end();
            assert_eq!(
                shows(file),
                expected,
                "{delimiter:?} {newline:?} without the last one"
            );
        }
    }
    let declared = format!("sep=;\r\n{}", with_separators(";", "\r\n"));
    let mut read = shows(declared);
    read.iter_mut().for_each(|show| show.line -= 1);
    assert_eq!(read, expected);
}

#[test]
fn encodings_make_no_difference() {
    let expected = shows(PUBLISHED);
    let (windows, _, _) = encoding_rs::WINDOWS_1252.encode(PUBLISHED);
    assert_eq!(shows(&windows), expected);
    assert_eq!(shows(format!("\u{feff}{PUBLISHED}")), expected);
    let utf16: Vec<u8> = format!("\u{feff}{PUBLISHED}")
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    assert_eq!(shows(utf16), expected);
}

#[test]
fn two_encodings_in_one_file_are_both_read_and_counted() -> Result {
    let mut file = b"show_id,type,title,release_year\n".to_vec();
    file.extend_from_slice("1,Movie,Amélie,2001\n".as_bytes());
    file.extend_from_slice(b"2,Movie,Am\xe9lie \x96 again,2001\n");
    let mut reader = ShowReader::from_reader("films.csv", &file[..])?;
    assert_eq!(reader.by_ref().count(), 2);
    assert_eq!(
        (reader.replaced_chars(), reader.bytes_read()),
        (2, file.len() as u64)
    );
    let titles: Vec<String> = shows(&file).into_iter().map(|show| show.title).collect();
    assert_eq!(titles, ["Amélie", "Amélie – again"]);
    Ok(())
}

#[test]
fn columns_may_be_called_and_ordered_otherwise() -> Result {
    let file = "\
Genres;Released;Name;ID;Runtime;Kind;Actors;IMDb Score;Added On;Plot;Countries;Directed By;Age-Rating
Drama, Crime;1999;Léon;81145628;110 Minutes;film;Jean Reno;8.5;25-Sep-21;A hitman.;France;Luc Besson;R
";
    let mut reader = ShowReader::from_reader("films.csv", file.as_bytes())?;
    assert_eq!(reader.layout().ignored(), ["IMDb Score"]);
    assert_eq!(
        reader.dialect(),
        Dialect {
            delimiter: b';',
            newline: Newline::Lf
        }
    );
    assert_eq!(reader.header()[2], "Name");
    let Some(Ok(Row::Show(show))) = reader.next() else {
        panic!("no show")
    };
    assert_eq!(
        (show.show_id.as_str(), show.title.as_str()),
        ("81145628", "Léon")
    );
    assert_eq!(
        (show.cast, show.directors),
        (vec!["Jean Reno".into()], vec!["Luc Besson".into()])
    );
    assert_eq!((show.genres.len(), show.countries.len()), (2, 1));
    assert_eq!(
        (show.release_year, show.date_added),
        (1999, Some(date(2021, 9, 25)))
    );
    assert_eq!(
        (show.rating.as_deref(), show.duration.as_deref()),
        (Some("R"), Some("110 Minutes"))
    );
    assert_eq!(show.description.as_deref(), Some("A hitman."));
    Ok(())
}

#[test]
fn dates_with_slashes_follow_the_file() {
    let file = "show_id,type,title,date_added,release_year\n\
                1,Movie,a,9/5/2021,2001\n2,Movie,b,9/25/2021,2001\n";
    assert_eq!(shows(file)[0].date_added, Some(date(2021, 9, 5)));
    let file = file.replace("9/25/", "25/9/");
    assert_eq!(shows(&file)[0].date_added, Some(date(2021, 5, 9)));
    let file = file.replace("25/9/2021", "2021-09-25");
    assert_eq!(read(file.as_bytes()).1.len(), 1);
}

#[test]
fn a_bad_row_is_set_aside_with_line_reason_and_fields() {
    let file = "show_id,type,title,release_year\r\n\
                1,Movie,\"two\r\nlines\",2001\r\n\
                2,Movie,Me, Myself & Irene,2000\r\n\
                \r\n\
                3,Podcast,,1066\r\n\
                4,Movie,\"open,2001\r\n\
                5,Movie,good,2001\r\n\
                6,Mov";
    let (shows, rejects) = read(file.as_bytes());
    let ids: Vec<_> = shows
        .iter()
        .map(|show| (show.line, show.show_id.as_str()))
        .collect();
    assert_eq!(ids, [(2, "1"), (8, "5")]);
    let shown: Vec<String> = rejects
        .iter()
        .map(|r| format!("{}: {} {:?}", r.line, r.reason, r.fields))
        .collect();
    insta::assert_snapshot!(shown.join("\n"), @r#"
4: 5 fields where the header has 4; a field with the delimiter in it must be quoted ["2", "Movie", "Me", " Myself & Irene", "2000"]
6: type `Podcast` is neither `Movie` nor `TV Show`; title is empty; release_year `1066` is not a year from 1888 to 2100 ["3", "Podcast", "", "1066"]
7: the quote that opens field 3 is not closed before the end of the file; close it, or double it if it belongs to the text ["4", "Movie", "\"open", "2001"]
9: the file ends within this row, after 2 of 4 fields ["6", "Mov"]
"#);
}

#[test]
fn an_id_that_occurs_twice_comes_out_twice_in_order() {
    let file = "show_id,type,title,release_year\n1,Movie,old,2001\n1,Movie,new,2001\n";
    let titles: Vec<String> = shows(file).into_iter().map(|show| show.title).collect();
    assert_eq!(titles, ["old", "new"]);
}

#[test]
fn a_corrected_file_of_rejects_can_be_imported_as_it_is() -> Result {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("films.csv");
    fs::write(
        &path,
        "show_id,type,title,release_year\n1,Movie,\"a, \"\"b\"\"\",20x1\n",
    )?;
    let mut reader = ShowReader::open(&path)?;
    let mut rejects = crate::import::RejectsFile::new(&path, reader.header());
    let Some(Ok(Row::Reject(reject))) = reader.next() else {
        panic!("no reject")
    };
    rejects.write(&reject)?;
    let path = rejects.finish()?.ok_or("no rejects")?;
    let corrected = fs::read_to_string(&path)?
        .replace("1,Movie", "1,Film")
        .replace(",20x1", ",2001");
    assert_eq!(shows(corrected)[0].title, "a, \"b\"");
    Ok(())
}

#[test]
fn a_file_that_is_not_this_layout_is_refused_with_what_is_missing() {
    insta::assert_snapshot!(refusal("\n\nname;land;jahr\nx;y;z\n"), @"films.csv (header on line 3) is not in the layout of the catalogue: missing columns: `show_id` (also accepted: id, title_id); `type` (also accepted: kind, category, content_type, show_type, title_type, media_type); `release_year` (also accepted: year, released, year_released, release); found: `name`, `land`, `jahr`");
    insta::assert_snapshot!(refusal("id,show id,type,title,year\n"), @"films.csv (header on line 1) is not in the layout of the catalogue: column 1 `id` and column 2 `show id` are both read as `show_id`; rename or remove one of them");
    insta::assert_snapshot!(refusal("just some words\n\nand more of them\n"), @"films.csv (header on line 1) is not in the layout of the catalogue: missing columns: `show_id` (also accepted: id, title_id); `type` (also accepted: kind, category, content_type, show_type, title_type, media_type); `title` (also accepted: name, show_title, show_name); `release_year` (also accepted: year, released, year_released, release); found: `just some words`");
}

#[test]
fn what_is_no_csv_is_refused_for_what_it_is() {
    insta::assert_snapshot!(refusal(""), @"films.csv is empty; a header and rows were expected");
    insta::assert_snapshot!(refusal("\u{feff}  \r\n\r\n"), @"films.csv is empty; a header and rows were expected");
    insta::assert_snapshot!(refusal("sep=;\n"), @"films.csv is empty; a header and rows were expected");
    insta::assert_snapshot!(refusal("<!doctype html><title>Sign in</title>"), @"films.csv is an HTML or XML page, perhaps a sign-in page saved in place of the file; download the CSV itself");
    insta::assert_snapshot!(refusal("[{\"show_id\": 1}]"), @"films.csv is JSON; convert it to CSV");
    insta::assert_snapshot!(refusal(b"PK\x03\x04\x14\0\0\0"), @"films.csv is a zip archive or an Excel workbook; unpack it, or save the sheet as CSV UTF-8");
    insta::assert_snapshot!(refusal(b"\x7fELF\0\0\0\0\0"), @"films.csv is a binary file; export the table as CSV UTF-8");
    insta::assert_snapshot!(refusal("show_id,\"type,title\n1,b\n"), @"the header of films.csv (line 1) cannot be read: the quote that opens field 2 is not closed before the end of the file; close it, or double it if it belongs to the text");
}

#[test]
fn files_that_cannot_be_opened_are_named() -> Result {
    let folder = tempfile::tempdir()?;
    let shown = |error: OpenError| {
        error
            .to_string()
            .replace(&*folder.path().to_string_lossy(), "[folder]")
    };
    let error = ShowReader::open(folder.path().join("gone.csv")).unwrap_err();
    assert!(std::error::Error::source(&error).is_some());
    insta::assert_snapshot!(shown(error), @"cannot read [folder]/gone.csv");
    insta::assert_snapshot!(shown(ShowReader::open(folder.path()).unwrap_err()), @"[folder] is a folder; name the CSV file in it");
    Ok(())
}

#[test]
fn an_opened_file_tells_its_length() -> Result {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("films.csv");
    fs::write(&path, PUBLISHED)?;
    let mut reader = ShowReader::open(&path)?;
    assert_eq!(reader.len_hint(), Some(PUBLISHED.len() as u64));
    assert_eq!(reader.by_ref().count(), 3);
    assert_eq!(reader.bytes_read(), PUBLISHED.len() as u64);
    assert!(reader.next().is_none(), "the end stays the end");
    Ok(())
}

#[test]
fn a_source_that_fails_is_an_error_and_the_end() {
    struct Fails(usize);
    impl Read for Fails {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            if self.0 == 0 {
                return Err(io::Error::other("the disk is gone"));
            }
            let length = self.0.min(buffer.len());
            buffer[..length].fill(b'\n');
            self.0 -= length;
            Ok(length)
        }
    }
    let header = "show_id,type,title,release_year\n1,Movie,a,2001\n".as_bytes();
    let mut reader = ShowReader::from_reader("films.csv", header.chain(Fails(200_000))).unwrap();
    assert!(matches!(reader.next(), Some(Ok(Row::Show(_)))));
    let error = reader.next().unwrap().unwrap_err();
    assert_eq!(
        std::error::Error::source(&error).unwrap().to_string(),
        "the disk is gone"
    );
    insta::assert_snapshot!(error, @"cannot read films.csv beyond line 139220, after 200047 bytes");
    assert!(reader.next().is_none());
}

fn csv_of(records: &[Vec<String>], delimiter: u8) -> Vec<u8> {
    let mut writer = csv::WriterBuilder::new()
        .flexible(true)
        .delimiter(delimiter)
        .from_writer(Vec::new());
    writer
        .write_record(["show_id", "type", "title", "release_year", "description"])
        .unwrap();
    for record in records {
        writer.write_record(record).unwrap();
    }
    writer.into_inner().unwrap()
}

fn field() -> impl Strategy<Value = String> {
    prop_oneof![
        "[ab,;\"\r\n \té\0]{0,9}",
        Just("Movie".to_owned()),
        (1800..2200).prop_map(|year: i32| year.to_string()),
        any::<String>(),
    ]
}

proptest! {
    #[test]
    fn every_record_comes_out_once_as_show_or_as_reject(
        records in proptest::collection::vec(proptest::collection::vec(field(), 1..7), 0..12),
        delimiter in prop_oneof![Just(b','), Just(b';'), Just(b'\t')],
    ) {
        // Lines without any value are passed over; everything else must come out.
        let is_visible = |record: &&Vec<String>| {
            record.iter().any(|field| !crate::import::text::is_blank(field))
        };
        let expected = records.iter().filter(is_visible).count();
        let file = csv_of(&records, delimiter);
        let (shows, rejects) = read(&file);
        prop_assert_eq!(shows.len() + rejects.len(), expected);
        let found: Vec<&Vec<String>> = rejects.iter().map(|reject| &reject.fields).collect();
        prop_assert!(found.iter().all(|fields| records.contains(fields)), "{:?}", found);
    }

    #[test]
    fn good_rows_survive_with_all_their_characters(
        titles in proptest::collection::vec("[a-zé][a-z,;\"é]{0,8}[a-z]", 1..8),
        description in "[a-z][a-z,\"\n]{0,20}[a-z]",
    ) {
        let record = |title: &String| {
            vec!["s1".into(), "Movie".into(), title.clone(), "2001".into(), description.clone()]
        };
        let records: Vec<_> = titles.iter().map(record).collect();
        let shows = shows(csv_of(&records, b','));
        let read: Vec<_> = shows.iter().map(|show| show.title.clone()).collect();
        prop_assert_eq!(read, titles);
        for show in &shows {
            let read = show.description.as_deref();
            prop_assert_eq!(read, Some(description.as_str()));
        }
    }

    #[test]
    fn no_bytes_panic_and_no_line_of_them_is_lost(
        body in prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..400),
            "[ab,\"\r\n]{0,200}".prop_map(String::into_bytes),
        ],
    ) {
        let _ = ShowReader::from_reader("soup", &body[..]).map(Iterator::count);

        let file = [b"show_id,type,title,release_year\n", &body[..]].concat();
        if let Ok(reader) = ShowReader::from_reader("soup", &file[..]) {
            let mut last = 1;
            let mut fields = String::new();
            for row in reader {
                let Row::Reject(reject) = row.unwrap() else { continue };
                prop_assert!(reject.line > last, "{} after {last}", reject.line);
                last = reject.line;
                fields += &reject.fields.concat();
            }
            // Each letter is in some reject: bytes of this kind make no show.
            let letters = |text: &str| text.matches(['a', 'b']).count();
            prop_assert_eq!(letters(&fields), letters(&String::from_utf8_lossy(&body)));
        }
    }

    #[test]
    fn what_comes_out_does_not_depend_on_how_the_bytes_arrive(
        body in "[ab,\"\r\né]{0,200}",
        step in 1usize..40,
    ) {
        struct Dribble<'a>(&'a [u8], usize);
        impl Read for Dribble<'_> {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                let length = self.1.min(buffer.len());
                self.0.read(&mut buffer[..length])
            }
        }
        let file = format!("show_id,type,title,release_year\n{body}");
        let rows = |step| -> Vec<Row> {
            let input = Dribble(file.as_bytes(), step);
            ShowReader::from_reader("x", input).unwrap().map(|row| row.unwrap()).collect()
        };
        prop_assert_eq!(rows(step), rows(usize::MAX));
    }
}
