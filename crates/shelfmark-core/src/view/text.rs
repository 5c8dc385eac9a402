//! The statement of an edge: the columns of the target, and behind them the key that each row belongs to.

use super::edge::{Edge, Order, Side, Table};
use crate::crud::postgres_type;
use crate::dialect::Dialect;
use crate::render::{member_of, placeholder, quoted};

impl Edge {
    /// The text, which is the same however many keys there are.
    #[must_use]
    pub fn sql(&self, dialect: Dialect) -> String {
        let mut text = Text {
            edge: self,
            dialect,
            sql: String::from("SELECT "),
        };
        match (self.limit, dialect) {
            (None, _) => text.all(),
            (Some(limit), Dialect::Postgres) => text.first_laterally(limit),
            (Some(limit), Dialect::Sqlite) => text.first_by_key(limit),
        }
        text.sql
    }
}

/// What the tables are called: `t` the target, `l` the link, `k` the keys that were sent.
struct Text<'e> {
    edge: &'e Edge,
    dialect: Dialect,
    sql: String,
}

impl Text<'_> {
    fn push(&mut self, text: &str) -> &mut Self {
        self.sql.push_str(text);
        self
    }

    fn column(&mut self, table: &str, name: &str) -> &mut Self {
        self.push(table).push(".");
        quoted(&mut self.sql, name);
        self
    }

    fn columns<'n>(&mut self, table: &str, names: impl IntoIterator<Item = &'n str>) -> &mut Self {
        for (nth, name) in names.into_iter().enumerate() {
            if nth > 0 {
                self.push(", ");
            }
            self.column(table, name);
        }
        self
    }

    fn target(&mut self) -> &mut Self {
        let columns = self.edge.target.columns;
        self.columns("t", columns.iter().map(|column| column.name))
    }

    /// `"table" AS t`
    fn table(&mut self, table: &Table, alias: &str) -> &mut Self {
        quoted(&mut self.sql, table.name);
        self.push(" AS ").push(alias)
    }

    /// The table that the keys are compared with: `l` or `t`.
    fn near(&self) -> (&'static str, Table) {
        match self.edge.link {
            Some(link) => ("l", link.table),
            None => ("t", self.edge.target),
        }
    }

    /// The near table, and the target behind it.
    fn tables(&mut self) -> &mut Self {
        let (alias, near) = self.near();
        self.table(&near, alias).beyond_the_link()
    }

    fn beyond_the_link(&mut self) -> &mut Self {
        let target = self.edge.target;
        if let Some(link) = self.edge.link {
            self.push(" JOIN ").table(&target, "t").push(" ON ");
            self.columns("t", target.key.iter().copied())
                .push(" = ")
                .column("l", link.to);
        }
        self
    }

    /// The column that the keys are compared with.
    fn by(&mut self) -> &mut Self {
        let (alias, by) = (self.near().0, self.edge.by);
        self.column(alias, by)
    }

    /// Keeps to the rows that the handle may see, of the link and of the target: its tenant's, and those that are not
    /// deleted.
    fn visible(&mut self) -> &mut Self {
        let edge = self.edge;
        let link = edge.link.map(|link| ("l", link.table.managed));
        // The keys are the first value.
        let mut values = 1;
        for (alias, managed) in link.into_iter().chain([("t", edge.target.managed)]) {
            if let Some(tenant) = managed.tenant {
                self.push(" AND ").column(alias, tenant.name).push(" = ");
                placeholder(&mut self.sql, self.dialect, values);
                values += 1;
            }
            if let Some(deleted_at) = managed.deleted_at {
                self.push(" AND ").column(alias, deleted_at.name);
                self.push(" IS NULL");
            }
        }
        self
    }

    fn order(&mut self) -> &mut Self {
        let edge = self.edge;
        for (nth, order) in edge.order.iter().enumerate() {
            if nth > 0 {
                self.push(", ");
            }
            self.ordered_by(order);
        }
        let named = |key: &str| {
            let mut names = edge.order.iter();
            names.any(|order| order.column == key && self::of_target(edge, order))
        };
        let mut any = !edge.order.is_empty();
        for key in edge.target.key.iter().filter(|key| !named(key)) {
            if any {
                self.push(", ");
            }
            any = true;
            self.column("t", key);
        }
        self
    }

    fn ordered_by(&mut self, order: &Order) {
        let edge = self.edge;
        let (alias, table) = match edge.link {
            Some(link) if !of_target(edge, order) => ("l", link.table),
            _ => ("t", edge.target),
        };
        self.column(alias, order.column);
        if order.descending {
            self.push(" DESC");
        }
        // By themselves the engines put NULL at different ends.
        if table
            .column(order.column)
            .is_some_and(|column| column.nullable)
        {
            self.push(" NULLS LAST");
        }
    }

    /// Every row of every key.
    fn all(&mut self) {
        self.target().push(", ").by().push(" FROM ").tables();
        self.push(" WHERE ").by().push(" ");
        member_of(&mut self.sql, self.dialect, 0, false);
        self.visible();
        if !self.edge.single {
            self.push(" ORDER BY ").order();
        }
    }

    /// The first rows of each key: PostgreSQL reads no further in an index that has the order.
    fn first_laterally(&mut self, limit: u32) {
        self.target().push(", k.parent FROM UNNEST(");
        placeholder(&mut self.sql, self.dialect, 0);
        let ty = postgres_type(self.edge.key);
        self.push("::").push(ty);
        self.push("[]) AS k(parent) CROSS JOIN LATERAL (SELECT ");
        self.target();
        // The order of the whole is said once more, by number, since a column of the link is not to be seen out there.
        self.push(", row_number() OVER (ORDER BY ").order();
        self.push(") AS shelfmark_nth FROM ").tables();
        self.push(" WHERE ").by().push(" = k.parent").visible();
        self.push(" ORDER BY ").order();
        self.push(&format!(" LIMIT {limit}) AS t ORDER BY t.shelfmark_nth"));
    }

    /// The first rows of each key, found by their own keys: SQLite knows no LATERAL, and numbering the rows of a partition
    /// would read all of them.
    fn first_by_key(&mut self, limit: u32) {
        let (alias, near) = self.near();
        self.target().push(", k.value FROM rarray(");
        placeholder(&mut self.sql, self.dialect, 0);
        self.push(") AS k CROSS JOIN ").table(&near, alias);
        self.push(" ON (").columns(alias, near.key.iter().copied());
        self.push(") IN (SELECT ");
        self.columns(alias, near.key.iter().copied());
        self.push(" FROM ").tables();
        self.push(" WHERE ").by().push(" = k.value").visible();
        self.push(" ORDER BY ").order();
        self.push(&format!(" LIMIT {limit})")).beyond_the_link();
        self.push(" ORDER BY ").order();
    }
}

/// Whether the order is by a column of the target.
fn of_target(edge: &Edge, order: &Order) -> bool {
    match order.side {
        Side::Target => true,
        Side::Link => false,
        Side::Either => edge.target.column(order.column).is_some(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crud::Managed;
    use crate::entity::{Entity, RowValues};
    use crate::error::Result;
    use crate::row::{ColumnSpec, FromRow, Row};

    /// An entity that is nothing but its columns.
    macro_rules! table {
        ($name:ident = $table:literal, $key:expr, [$($column:literal: $ty:ty),*], $managed:expr) => {
            #[derive(Clone)]
            struct $name;
            impl FromRow for $name {
                const COLUMNS: &'static [ColumnSpec] = &[$(ColumnSpec::of::<$ty>($column)),*];
                fn from_row(_: &Row<'_>) -> Result<Self> {
                    Ok($name)
                }
            }
            impl Entity for $name {
                const TABLE: &'static str = $table;
                const KEY: &'static [&'static str] = &$key;
                const GENERATED: bool = false;
                const MANAGED: Managed = $managed;
                fn encode_row<'a>(&'a self, _: &mut RowValues<'a>) {}
            }
        };
    }
    table!(Show = "shows", ["id"], ["id": i64, "studio": Option<String>], Managed::NONE);
    table!(Studio = "app.studios", ["name"], ["name": String], Managed::NONE);
    table!(
        Season = "seasons",
        ["show", "nth"],
        ["show": i64, "nth": i32, "year": Option<i32>],
        Managed::NONE
    );
    table!(Link = "links", ["id"], ["id": i64, "show": i64, "studio": String], Managed::NONE);
    const KEPT: Managed = Managed::NONE
        .with_tenant(ColumnSpec::of::<i64>("tenant"))
        .with_deleted_at(ColumnSpec::of::<Option<jiff::Timestamp>>("gone"));
    table!(Kept = "kept", ["id"], ["id": String], KEPT);
    table!(KeptLink = "kept_links", ["id"], ["id": i64, "show": i64, "kept": String], KEPT);

    const fn by(column: &'static str, descending: bool) -> Order {
        Order {
            side: Side::Either,
            column,
            descending,
        }
    }

    fn texts(edge: &Edge) -> [String; 2] {
        [edge.sql(Dialect::Postgres), edge.sql(Dialect::Sqlite)]
    }

    #[test]
    fn one_is_looked_up_by_its_key() {
        let edge = Edge::one::<Show, Studio>("studio");
        assert_eq!(
            texts(&edge),
            [
                "SELECT t.\"name\", t.\"name\" FROM \"app\".\"studios\" AS t WHERE t.\"name\" = ANY($1)",
                "SELECT t.\"name\", t.\"name\" FROM \"app\".\"studios\" AS t WHERE t.\"name\" IN rarray(?1)",
            ]
        );
        assert_eq!((edge.root, edge.params().len()), (1, 1));
    }

    #[test]
    fn rows_come_in_the_order_that_is_given_and_then_in_that_of_their_key() {
        const ORDER: &[Order] = &[by("year", true), by("nth", false)];
        let plain = Edge::back::<Show, Season>("show");
        assert!(
            plain
                .sql(Dialect::Sqlite)
                .ends_with(" ORDER BY t.\"show\", t.\"nth\"")
        );
        let ordered = plain.ordered(ORDER);
        assert!(
            ordered
                .sql(Dialect::Sqlite)
                .ends_with(" ORDER BY t.\"year\" DESC NULLS LAST, t.\"nth\", t.\"show\"")
        );
    }

    #[test]
    fn a_link_is_joined() {
        let edge = Edge::through::<Show, Studio, Link>("show", "studio").ordered(&[Order {
            side: Side::Link,
            column: "id",
            descending: false,
        }]);
        assert_eq!(
            edge.sql(Dialect::Postgres),
            "SELECT t.\"name\", l.\"show\" FROM \"links\" AS l JOIN \"app\".\"studios\" AS t \
             ON t.\"name\" = l.\"studio\" WHERE l.\"show\" = ANY($1) ORDER BY l.\"id\", t.\"name\""
        );
    }

    #[test]
    fn a_limit_is_asked_for_each_key() {
        let edge = Edge::back::<Show, Season>("show").limited(2);
        assert_eq!(
            texts(&edge),
            [
                "SELECT t.\"show\", t.\"nth\", t.\"year\", k.parent FROM UNNEST($1::int8[]) AS k(parent) \
                 CROSS JOIN LATERAL (SELECT t.\"show\", t.\"nth\", t.\"year\", \
                 row_number() OVER (ORDER BY t.\"show\", t.\"nth\") AS shelfmark_nth FROM \"seasons\" AS t \
                 WHERE t.\"show\" = k.parent ORDER BY t.\"show\", t.\"nth\" LIMIT 2) AS t \
                 ORDER BY t.shelfmark_nth",
                "SELECT t.\"show\", t.\"nth\", t.\"year\", k.value FROM rarray(?1) AS k \
                 CROSS JOIN \"seasons\" AS t ON (t.\"show\", t.\"nth\") IN (SELECT t.\"show\", t.\"nth\" \
                 FROM \"seasons\" AS t WHERE t.\"show\" = k.value ORDER BY t.\"show\", t.\"nth\" LIMIT 2) \
                 ORDER BY t.\"show\", t.\"nth\"",
            ]
        );
    }

    #[test]
    fn a_limit_behind_a_link_counts_links() {
        let edge = Edge::through::<Show, Studio, Link>("show", "studio").limited(3);
        assert_eq!(
            edge.sql(Dialect::Sqlite),
            "SELECT t.\"name\", k.value FROM rarray(?1) AS k CROSS JOIN \"links\" AS l \
             ON (l.\"id\") IN (SELECT l.\"id\" FROM \"links\" AS l JOIN \"app\".\"studios\" AS t \
             ON t.\"name\" = l.\"studio\" WHERE l.\"show\" = k.value ORDER BY t.\"name\" LIMIT 3) \
             JOIN \"app\".\"studios\" AS t ON t.\"name\" = l.\"studio\" ORDER BY t.\"name\""
        );
    }

    #[test]
    fn rows_of_other_tenants_and_deleted_ones_are_kept_out_on_both_sides_of_a_link() {
        let edge = Edge::through::<Show, Kept, KeptLink>("show", "kept");
        assert!(edge.sql(Dialect::Postgres).ends_with(
            "WHERE l.\"show\" = ANY($1) AND l.\"tenant\" = $2 AND l.\"gone\" IS NULL \
             AND t.\"tenant\" = $3 AND t.\"gone\" IS NULL ORDER BY t.\"id\""
        ));
        let params: Vec<(&str, bool)> = edge
            .params()
            .iter()
            .map(|param| (param.name, param.list))
            .collect();
        assert_eq!(
            params,
            [("keys", true), ("tenant", false), ("tenant", false)]
        );
        for text in texts(&edge.limited(1)) {
            let (within, _) = text.split_once(" LIMIT 1)").unwrap();
            assert!(
                within.contains("l.\"gone\" IS NULL AND t.\"tenant\" = "),
                "{text}"
            );
        }
    }
}
