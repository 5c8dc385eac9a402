//! Every statement of the program, prepared against the schema.

mod guarded;

use std::fmt;

use shelfmark_core::sql::outer_joined_tables;
use shelfmark_core::{
    ColumnSpec, DbColumn, Description, Dialect, Engine, Error, ErrorKind, Result, STATEMENTS,
    Sample, Statement,
};

/// One statement that does not fit the schema, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// `Shows::find`, or the place of a statement without a trait.
    pub method: &'static str,
    /// The source file of the declaration.
    pub file: &'static str,
    /// The line of the declaration.
    pub line: u32,
    /// The text on this engine; empty where it has none.
    pub sql: String,
    /// What does not fit.
    pub problem: String,
}

/// Everything that [`Db::verify`](crate::Db::verify) found.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct VerifyReport {
    /// The engine the statements were prepared on.
    pub dialect: Dialect,
    /// How many statements were prepared.
    pub statements: usize,
    /// What does not fit, in the order of the source.
    pub findings: Vec<Finding>,
    /// What may be meant as it is, but mostly is not: SQL on a table with `#[deleted_at]` that does not look at it.
    pub warnings: Vec<Finding>,
}

impl std::error::Error for VerifyReport {}

impl fmt::Display for VerifyReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} of {} statements do not fit the schema on {}",
            self.statements_with_findings(),
            self.statements,
            self.dialect
        )?;
        for finding in &self.findings {
            write!(f, "\n  {finding}")?;
        }
        Ok(())
    }
}

/// `Shows::find (src/shows.rs:12): the result has no column`, and the SQL below it.
impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = format!("{}:{}", self.file, self.line);
        if self.method == place {
            write!(f, "{place}: {}", self.problem)?;
        } else {
            write!(f, "{} ({place}): {}", self.method, self.problem)?;
        }
        if !self.sql.is_empty() {
            write!(f, "\n    {}", one_line(&self.sql))?;
        }
        Ok(())
    }
}

impl VerifyReport {
    /// Nothing, or the findings as an error.
    pub(crate) fn into_result(self) -> Result<()> {
        if self.findings.is_empty() {
            return Ok(());
        }
        Err(Error::new(ErrorKind::Verification)
            .with_detail(self.to_string())
            .with_source(self))
    }

    fn statements_with_findings(&self) -> usize {
        let mut places: Vec<_> = self
            .findings
            .iter()
            .map(|found| (found.file, found.line, found.method))
            .collect();
        places.dedup();
        places.len()
    }
}

fn one_line(sql: &str) -> String {
    sql.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Prepares every statement of the program on `engine`, and logs the warnings.
pub(crate) async fn verify(engine: &dyn Engine) -> Result<()> {
    let report = report(engine).await?;
    for warning in &report.warnings {
        tracing::warn!(
            target: "shelfmark::verify",
            method = warning.method,
            file = warning.file,
            line = warning.line,
            "{}",
            warning.problem
        );
    }
    report.into_result()
}

/// Prepares every statement of the program on `engine`, and tells all that there is to say.
pub(crate) async fn report(engine: &dyn Engine) -> Result<VerifyReport> {
    let mut statements: Vec<&Statement> = STATEMENTS.iter().copied().collect();
    statements.sort_by_key(|statement| (statement.file, statement.line, statement.method));
    let dialect = engine.dialect();
    let (mut findings, mut warnings) = (Vec::new(), Vec::new());
    for statement in &statements {
        check(engine, statement, &mut findings).await?;
        let concerns = guarded::concerns(statement, dialect);
        let of = |problem| Finding {
            method: statement.method,
            file: statement.file,
            line: statement.line,
            sql: written(statement, dialect),
            problem,
        };
        findings.extend(concerns.problems.into_iter().map(of));
        warnings.extend(concerns.warnings.into_iter().map(of));
    }
    Ok(VerifyReport {
        dialect,
        statements: statements.len(),
        findings,
        warnings,
    })
}

/// The text as it was written.
fn written(statement: &Statement, dialect: Dialect) -> String {
    let text = statement
        .written
        .and_then(|written| (written.text)(dialect));
    text.unwrap_or_default().to_owned()
}

/// Adds what is wrong with `statement`.
///
/// # Errors
/// Only when the database cannot be asked: it is away, or there is no connection.
async fn check(
    engine: &dyn Engine,
    statement: &'static Statement,
    findings: &mut Vec<Finding>,
) -> Result<()> {
    let mut found = |sql: &str, problem: String| {
        findings.push(Finding {
            method: statement.method,
            file: statement.file,
            line: statement.line,
            sql: sql.to_owned(),
            problem,
        });
    };
    let samples = match statement.samples(engine.dialect()) {
        Ok(samples) => samples,
        Err(error) => {
            let problem = error.detail().unwrap_or("has no text for this engine");
            found("", problem.to_owned());
            return Ok(());
        }
    };
    // What is wrong with one text of a statement with slots mostly is with others, too.
    let mut told: Vec<String> = Vec::new();
    for sample in &samples {
        let problems = match engine.describe(&sample.sql, &sample.specs).await {
            Ok(description) => problems(statement, sample, &description),
            Err(error) if error.is_unavailable() || error.is_timeout() => return Err(error),
            // Of a statement without a trait the types of the values are known at its calls only.
            Err(error) if sample.specs.is_empty() && error.code().is_some_and(is_untyped) => {
                Vec::new()
            }
            Err(error) => vec![error.to_string()],
        };
        for problem in problems {
            if !told.contains(&problem) {
                found(&sample.sql, problem.clone());
                told.push(problem);
            }
        }
    }
    Ok(())
}

/// Whether the server could not tell the type of a parameter: SQLSTATE `ambiguous_parameter`, `indeterminate_datatype`.
fn is_untyped(code: &str) -> bool {
    matches!(code, "42P08" | "42P18")
}

fn problems(statement: &Statement, sample: &Sample, description: &Description) -> Vec<String> {
    let mut problems = Vec::new();
    for (spec, param) in sample.specs.iter().zip(&description.params) {
        if param
            .fits
            .as_ref()
            .is_some_and(|fits| !fits.contains(&spec.ty))
        {
            problems.push(format!(
                "argument `{}` is {}, but the database wants {}",
                spec.name,
                spec.ty.rust_name(),
                param.name
            ));
        }
    }
    let Some(specs) = (statement.columns)() else {
        return problems;
    };
    if sample.counts {
        return problems;
    }
    let outer = outer_joined_tables(&sample.sql);
    let by_position = specs.iter().all(|spec| spec.name.is_empty());
    if by_position && specs.len() != description.columns.len() {
        problems.push(format!(
            "the result has {} columns, but the return type reads {} by position",
            description.columns.len(),
            specs.len()
        ));
        return problems;
    }
    for key in &sample.keys {
        problems.extend(missing_key(key, description));
    }
    for (index, spec) in specs.iter().enumerate() {
        let column = if by_position {
            description.columns.get(index)
        } else {
            description
                .columns
                .iter()
                .find(|column| column.name.eq_ignore_ascii_case(spec.name))
        };
        match column {
            Some(column) => problems.extend(misfit(statement, spec, column, &outer)),
            None => problems.push(format!("the result has no column `{}`", spec.name)),
        }
    }
    problems
}

/// A column that pages are cut by must be in the result, and be what the sort key says.
fn missing_key(key: &ColumnSpec, description: &Description) -> Option<String> {
    let column = description
        .columns
        .iter()
        .find(|column| column.name.eq_ignore_ascii_case(key.name));
    match column {
        None => Some(format!(
            "pages are cut by `{}`, which the result lacks; add it to the SELECT",
            key.name
        )),
        Some(column) => column
            .ty
            .fits
            .as_ref()
            .is_some_and(|fits| !fits.contains(&key.ty))
            .then(|| {
                let (name, rust) = (key.name, key.ty.rust_name());
                format!(
                    "pages are cut by `{name}` as {rust}, but it is {}",
                    column.ty.name
                )
            }),
    }
}

fn misfit(
    statement: &Statement,
    spec: &ColumnSpec,
    column: &DbColumn,
    outer: &[String],
) -> Option<String> {
    let rust = spec.ty.rust_name();
    if column
        .ty
        .fits
        .as_ref()
        .is_some_and(|fits| !fits.contains(&spec.ty))
    {
        return Some(format!(
            "column `{}` is {}, which {rust} cannot read",
            column.name, column.ty.name
        ));
    }
    if spec.nullable
        || statement
            .not_null
            .iter()
            .any(|name| name.eq_ignore_ascii_case(&column.name))
    {
        return None;
    }
    let remedy = format!(
        "make it Option<{rust}>, or say not_null = \"{}\"",
        column.name
    );
    let (table, _) = column.origin.as_ref()?;
    if outer
        .iter()
        .any(|joined| joined.eq_ignore_ascii_case(table))
    {
        return Some(format!(
            "column `{}` may be NULL, because {table} is outer joined: {remedy}",
            column.name
        ));
    }
    (column.nullable == Some(true)).then(|| {
        format!(
            "column `{}` may be NULL in the table {table}: declare it NOT NULL there, {remedy}",
            column.name
        )
    })
}
