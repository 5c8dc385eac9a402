//! Bytes and uuids: equality, order and length, which are those of their bytes.

use conformance::on_every_engine;
use shelfmark::prelude::*;
use uuid::Uuid;

use crate::library::*;

async fn raws(db: &Db, values: &[&[u8]]) -> shelfmark::Result<()> {
    for (nth, value) in values.iter().enumerate() {
        let mut sample = Sample::empty(&format!("{nth:03}"));
        sample.raw = Some(value.to_vec());
        db.samples().insert(&sample).await?;
    }
    Ok(())
}

async fn tags(db: &Db, values: &[u128]) -> shelfmark::Result<()> {
    for (nth, value) in values.iter().enumerate() {
        let mut sample = Sample::empty(&format!("{nth:03}"));
        sample.tag = Some(Tag(Uuid::from_u128(*value)));
        db.samples().insert(&sample).await?;
    }
    Ok(())
}

on_every_engine! {
    async fn bytes_sort_by_byte_and_a_prefix_first(db) {
        let ascending: [&[u8]; 9] = [b"", b"\0", b"\0\0", b"\0\x01", b"\x01", b"a", b"a\0", b"\x7f", b"\x80"];
        let mut stored = ascending;
        stored.rotate_left(4);
        raws(db, &stored).await?;
        let sorted: Vec<Vec<u8>> = db.fetch_all(sql!("SELECT raw FROM samples ORDER BY raw")).await?;
        assert_eq!(sorted, ascending);
    }

    async fn bytes_compare_with_arguments(db) {
        raws(db, &[b"", b"\0", b"\0\xff", b"\xff"]).await?;
        let edge = vec![0_u8, 0xff];
        let around: (i64, i64, i64) = db.fetch_one(sql!(
            "SELECT count(*) FILTER (WHERE raw < :edge), count(*) FILTER (WHERE raw = :edge), count(*) FILTER (WHERE raw > :edge)
             FROM samples", edge
        )).await?;
        assert_eq!(around, (2, 1, 1));
    }

    async fn empty_bytes_are_not_null(db) {
        raws(db, &[b""]).await?;
        let (raw, is_null): (Vec<u8>, bool) = db.fetch_one(sql!("SELECT raw, raw IS NULL FROM samples")).await?;
        assert_eq!((raw, is_null), (Vec::new(), false));
        let empty: Vec<u8> = Vec::new();
        let equal: i64 = db.fetch_one(sql!("SELECT count(*) FROM samples WHERE raw = :empty", empty)).await?;
        assert_eq!(equal, 1);
    }

    async fn the_length_of_bytes_counts_bytes(db) {
        raws(db, &[b"", b"\0\0", "\u{1f980}".as_bytes()]).await?;
        let lengths: Vec<i32> = db.fetch_all(sql!("SELECT CAST(length(raw) AS integer) FROM samples ORDER BY id")).await?;
        assert_eq!(lengths, [0, 2, 4]);
    }

    async fn a_part_of_bytes_is_bytes(db) {
        raws(db, &[b"\0\x01\x02\xff"]).await?;
        let part: Vec<u8> = db.fetch_one(sql!("SELECT substr(raw, 2, 2) FROM samples")).await?;
        assert_eq!(part, [1, 2]);
    }

    async fn equal_bytes_are_one_group_and_one_unique_key(db) {
        raws(db, &[b"\0a", b"\0b", b"\0a"]).await?;
        let groups: Vec<(Vec<u8>, i64)> = db.fetch_all(sql!("SELECT raw, count(*) FROM samples GROUP BY raw ORDER BY raw")).await?;
        assert_eq!(groups, [(b"\0a".to_vec(), 2), (b"\0b".to_vec(), 1)]);
        db.execute(sql!(
            postgres = "CREATE TABLE digests (digest bytea PRIMARY KEY)",
            sqlite = "CREATE TABLE digests (digest BLOB PRIMARY KEY NOT NULL) STRICT"
        )).await?;
        let digest = vec![0_u8, 1];
        db.execute(sql!("INSERT INTO digests (digest) VALUES (:digest)", digest)).await?;
        assert!(db.execute(sql!("INSERT INTO digests (digest) VALUES (:digest)", digest)).await.unwrap_err().is_unique_violation());
    }

    async fn bytes_are_no_text_and_text_is_no_bytes(db) {
        let mut sample = Sample::empty("a");
        (sample.raw, sample.words) = (Some(b"abc".to_vec()), Some("abc".to_owned()));
        db.samples().insert(&sample).await?;
        assert_eq!(db.fetch_one::<String>(sql!("SELECT raw FROM samples")).await.unwrap_err().kind(), ErrorKind::Decode);
        assert_eq!(db.fetch_one::<Vec<u8>>(sql!("SELECT words FROM samples")).await.unwrap_err().kind(), ErrorKind::Decode);
        let text = "abc";
        let refused = db.execute(sql!("UPDATE samples SET raw = :text", text)).await.unwrap_err();
        assert!(matches!(refused.kind(), ErrorKind::Encode | ErrorKind::InvalidInput), "{refused}");
    }

    async fn uuids_sort_by_their_bytes(db) {
        let ascending = [0, 1, 0x9, 0xa, 0xff, 1 << 64, 0x9 << 120, 0xa << 120, u128::MAX];
        let mut stored = ascending;
        stored.rotate_left(4);
        tags(db, &stored).await?;
        let sorted: Vec<Uuid> = db.fetch_all(sql!("SELECT tag FROM samples ORDER BY tag")).await?;
        assert_eq!(sorted, ascending.map(Uuid::from_u128));
    }

    async fn a_uuid_compares_with_an_argument_and_its_lower_case_text(db) {
        tags(db, &[0xabcd, 0xabce]).await?;
        let wanted = Uuid::from_u128(0xabcd);
        let equal: Vec<String> = db.fetch_all(sql!("SELECT id FROM samples WHERE tag = :wanted", wanted)).await?;
        let above: Vec<String> = db.fetch_all(sql!("SELECT id FROM samples WHERE tag > :wanted", wanted)).await?;
        let by_text: Vec<String> =
            db.fetch_all(sql!("SELECT id FROM samples WHERE tag = '00000000-0000-0000-0000-00000000abcd'")).await?;
        assert_eq!((equal, above, by_text), (vec!["000".to_owned()], vec!["001".to_owned()], vec!["000".to_owned()]));
        let text: String = db.fetch_one(sql!("SELECT CAST(tag AS text) FROM samples ORDER BY tag LIMIT 1")).await?;
        assert_eq!(text, "00000000-0000-0000-0000-00000000abcd");
    }
}
