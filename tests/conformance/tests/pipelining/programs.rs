//! Programs of statements, savepoints and failures, run with their statements joined and one after the other: the same
//! answers, the same rows, the same end.

use std::pin::Pin;

use conformance::{Engine, Ground, TestResult};
use futures_util::future::{join_all, poll_fn};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use shelfmark::prelude::*;
use shelfmark::{Error, Tx};

use crate::*;

/// So many programs are compared.
const PROGRAMS: usize = 60;

#[derive(Clone, Debug)]
enum Statement {
    Insert(i64),
    Count,
    /// Refused by the server, whatever came before.
    Broken,
    /// Of a row that must be there in a version that never is.
    Stale(i64),
}

#[derive(Clone, Debug)]
enum Step {
    Joined(Vec<Statement>),
    /// With what its scope answers.
    Savepoint(Vec<Step>, bool),
}

/// What became of something, without what differs between two runs.
type Outcome = std::result::Result<i64, String>;

fn outcome<T>(answer: Result<T>, value: impl FnOnce(T) -> i64) -> Outcome {
    answer.map(value).map_err(|error| error.to_string())
}

async fn run(statement: &Statement, tx: &Tx) -> Outcome {
    let items = tx.items();
    match statement {
        Statement::Insert(id) => outcome(items.insert(&item(*id)).await, |item| item.id),
        Statement::Count => outcome(items.count().await, |count| count),
        Statement::Broken => {
            let broken = tx.fetch_one::<i64>(sql!("SELECT count(*) FROM items WHERE id / 0 = 1"));
            outcome(broken.await, |count| count)
        }
        Statement::Stale(id) => {
            let gone = Item {
                id: *id,
                name: "gone".into(),
                version: 77,
            };
            outcome(items.update_many(&[gone]).await, |rows| rows.cast_signed())
        }
    }
}

type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

fn run_steps<'a>(
    steps: &'a [Step],
    tx: &'a Tx,
    joined: bool,
    outcomes: &'a mut Vec<Outcome>,
) -> Boxed<'a, ()> {
    Box::pin(async move {
        for step in steps {
            match step {
                Step::Joined(statements) if joined => {
                    let all = statements.iter().map(|statement| run(statement, tx));
                    outcomes.extend(join_all(all).await);
                }
                Step::Joined(statements) => {
                    for statement in statements {
                        outcomes.push(run(statement, tx).await);
                    }
                }
                Step::Savepoint(steps, keeps) => {
                    let mut inside = Vec::new();
                    let within = &mut inside;
                    let answer = tx
                        .savepoint(async move |sp| {
                            run_steps(steps, &sp, joined, within).await;
                            match keeps {
                                true => Ok(0),
                                false => Err(Error::not_found("undo")),
                            }
                        })
                        .await;
                    outcomes.append(&mut inside);
                    outcomes.push(outcome(answer, |nothing| nothing));
                }
            }
        }
    })
}

/// The answers of all statements, that of the transaction, and the rows afterwards.
async fn run_program(
    db: &Db,
    steps: &[Step],
    joined: bool,
) -> Result<(Vec<Outcome>, Outcome, Vec<i64>)> {
    db.execute(sql!("DELETE FROM items")).await?;
    db.items().insert(&item(1)).await?;
    let mut outcomes = Vec::new();
    let seen = &mut outcomes;
    let answer = db
        .tx()
        .run_once(async move |tx| {
            run_steps(steps, &tx, joined, seen).await;
            Ok::<_, Error>(0)
        })
        .await;
    // The place of the call is part of the error, and is the same for both.
    let answer = outcome(answer, |nothing| nothing);
    Ok((outcomes, answer, db.items().ids().await?))
}

fn statements() -> impl Strategy<Value = Vec<Statement>> {
    let statement = prop_oneof![
        6 => (2..9_i64).prop_map(Statement::Insert),
        4 => Just(Statement::Count),
        1 => Just(Statement::Broken),
        1 => (1..3_i64).prop_map(Statement::Stale),
    ];
    proptest::collection::vec(statement, 1..5)
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = statements().prop_map(Step::Joined).boxed();
    let step = step.prop_recursive(2, 8, 3, |inner| {
        prop_oneof![
            2 => statements().prop_map(Step::Joined),
            1 => (proptest::collection::vec(inner, 1..3), any::<bool>())
                .prop_map(|(steps, keeps)| Step::Savepoint(steps, keeps)),
        ]
    });
    proptest::collection::vec(step, 1..4)
}

fn joined_as_in_turn(engine: Engine) -> TestResult {
    conformance::run(async || {
        let db = with_items(engine).await?;
        let mut runner = TestRunner::deterministic();
        let (mut kept, mut failed) = (0, 0);
        for _ in 0..PROGRAMS {
            let tree = steps().new_tree(&mut runner).map_err(anyhow::Error::msg)?;
            let program = tree.current();
            let in_turn = run_program(&db, &program, false).await?;
            let joined = run_program(&db, &program, true).await?;
            assert_eq!(joined, in_turn, "{program:?}");
            match joined.1 {
                Ok(_) => kept += 1,
                Err(_) => failed += 1,
            }
        }
        assert!(kept > 5 && failed > 5, "{kept} kept, {failed} failed");
        Ok(())
    })
}

#[test]
fn joined_statements_answer_as_if_they_had_run_in_turn_on_postgres() -> TestResult {
    joined_as_in_turn(Engine::Postgres)
}

#[test]
fn joined_statements_answer_as_if_they_had_run_in_turn_on_sqlite() -> TestResult {
    joined_as_in_turn(Engine::Sqlite)
}

#[test]
fn joined_statements_answer_as_if_they_had_run_in_turn_in_memory() -> TestResult {
    joined_as_in_turn(Engine::Memory)
}

/// Begins five inserts, drops one of them after its first poll, and waits for the others.
async fn dropping(db: &Ground, dropped: usize) -> Result<(Vec<Outcome>, Result<()>)> {
    let mut outcomes = Vec::new();
    let seen = &mut outcomes;
    let answer = db
        .tx()
        .run_once(async move |tx| {
            // The transaction has begun and its connection knows the statement, so all five leave at their first poll.
            tx.items().insert(&item(1)).await?;
            let mut running: Vec<Option<Boxed<'_, Outcome>>> = (2..7)
                .map(|id| {
                    let tx = tx.clone();
                    let insert = async move { run(&Statement::Insert(id), &tx).await };
                    Some(Box::pin(insert) as Boxed<'_, Outcome>)
                })
                .collect();
            let mut early = vec![None; running.len()];
            poll_fn(|cx| {
                for (index, insert) in running.iter_mut().enumerate() {
                    if let Some(future) = insert
                        && let std::task::Poll::Ready(outcome) = future.as_mut().poll(cx)
                    {
                        early[index] = Some(outcome);
                        *insert = None;
                    }
                }
                std::task::Poll::Ready(())
            })
            .await;
            running[dropped] = None;
            for (index, insert) in running.into_iter().enumerate() {
                match (insert, early[index].take()) {
                    (Some(insert), _) => seen.push(insert.await),
                    (None, Some(outcome)) => seen.push(outcome),
                    (None, None) => {}
                }
            }
            Ok::<_, Error>(())
        })
        .await;
    Ok((outcomes, answer))
}

#[test]
fn a_dropped_statement_aborts_what_is_behind_it_and_nothing_is_kept() -> TestResult {
    conformance::run(async || {
        let db = with_items(Engine::Postgres).await?;
        for round in 0..10 {
            let dropped = round % 5;
            db.execute(sql!("DELETE FROM items")).await?;
            let (outcomes, answer) = dropping(&db, dropped).await?;
            let error = answer.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::TransactionAborted, "{error}");
            assert!(
                error.to_string().contains("Items::insert was dropped"),
                "{error}"
            );
            // Those behind it know why; one before it was answered, or ended with it.
            for (index, outcome) in outcomes.iter().enumerate() {
                match outcome {
                    Ok(id) => assert!(index < dropped, "{id} behind the dropped one"),
                    Err(error) => {
                        assert!(error.contains("was dropped before its answer"), "{error}")
                    }
                }
            }
            assert_eq!(db.items().ids().await?, [0; 0]);
        }
        Ok(())
    })
}

#[test]
fn statements_of_several_tasks_are_all_kept_or_all_undone() -> TestResult {
    conformance::run(async || {
        let db = with_items(Engine::Postgres).await?;
        for round in 0..20 {
            db.execute(sql!("DELETE FROM items")).await?;
            let fails = round % 2 == 1;
            let answer: Result<()> = db
                .transaction(async |tx| {
                    let tasks: Vec<_> = (1..9)
                        .map(|task: i64| {
                            let tx = tx.clone();
                            tokio::spawn(async move {
                                let twice = if fails && task == 4 { task } else { task + 100 };
                                let (a, b) = (item(task), item(twice));
                                tokio::try_join!(tx.items().insert(&a), tx.items().insert(&b))
                            })
                        })
                        .collect();
                    let mut answers = Vec::new();
                    for task in tasks {
                        answers.push(task.await.map_err(|_| Error::not_found("a task"))?);
                    }
                    let violations = answers
                        .iter()
                        .filter_map(|answer| answer.as_ref().err())
                        .filter(|error| error.is_unique_violation())
                        .count();
                    assert_eq!(violations, usize::from(fails));
                    Ok(())
                })
                .await;
            assert_eq!(answer.is_err(), fails);
            let rows = db.items().ids().await?.len();
            assert_eq!(rows, if fails { 0 } else { 16 });
        }
        Ok(())
    })
}
