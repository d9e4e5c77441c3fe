-- Fills a migrated database that holds bench_names alone. {customers}, {receipts}, {stores}, {products} are counts.
-- Statements are separated by lines that hold only a dash comment with a title; after `search terms` terms are copied in.
-- catalog
INSERT INTO stores (code, name, kind, region, city, time_zone, currency, phone_region, version, created_at, updated_at)
SELECT 'S' || lpad(n::text, 3, '0'), 'Store ' || n, CASE n % 10 WHEN 0 THEN 'dealer' ELSE 'own' END, 'R' || n % 8,
       'City ' || n % 40, 'Asia/Shanghai', 'CNY', 'CN', 1, now() - interval '3 years', now() - interval '3 years'
FROM generate_series(1, {stores}) n;
-- Stores lie on a grid of five kilometres, twenty in a row.
UPDATE stores SET latitude = 26 + substr(code, 2)::int % 20 * 0.045, longitude = 106 + substr(code, 2)::int / 20 * 0.05;
INSERT INTO categories (path, name, parent)
SELECT 'c' || lpad(n::text, 2, '0'), 'Category ' || n, NULL FROM generate_series(1, 20) n;
INSERT INTO categories (path, name, parent)
SELECT 'c' || lpad(n::text, 2, '0') || '/' || lpad(m::text, 2, '0'), 'Category ' || n || '.' || m, 'c' || lpad(n::text, 2, '0')
FROM generate_series(1, 20) n, generate_series(1, 10) m;
INSERT INTO products (code, name, category, list_price, cost, version, created_at, updated_at)
SELECT 'P' || lpad(n::text, 6, '0'), 'Product ' || n,
       'c' || lpad((1 + n % 20)::text, 2, '0') || '/' || lpad((1 + n / 20 % 10)::text, 2, '0'),
       100 * (5 + n % 300), 70 * (5 + n % 300), 1, now() - interval '3 years', now() - interval '3 years'
FROM generate_series(1, {products}) n;
-- customers
CREATE UNLOGGED TABLE bench_customers AS
SELECT n, uuidv7(make_interval(secs => -60.0 * ({customers} - n + 1))) AS id, 'S' || lpad((1 + n % {stores})::text, 3, '0') AS store,
       now() - make_interval(secs => 60.0 * ({customers} - n + 1)) AS at
FROM generate_series(1, {customers}) n;
INSERT INTO customers (id, kind, status, display_name, given_name, family_name, gender, birth_month, birth_day, birth_year,
                       language, home_store, source, profile, version, created_at, updated_at)
SELECT id, CASE n % 50 WHEN 0 THEN 'business' ELSE 'person' END, 'active', display, given,
       family, CASE n % 3 WHEN 0 THEN 'female' WHEN 1 THEN 'male' END,
       CASE WHEN n % 4 > 0 THEN 1 + n % 12 END, CASE WHEN n % 4 > 0 THEN 1 + n % 28 END,
       CASE WHEN n % 4 > 1 THEN 1940 + n % 65 END, CASE n % 20 WHEN 0 THEN 'en' ELSE 'zh' END, store, 'till',
       CASE n % 5 WHEN 0 THEN '{{"life": {{"hobbies": ["tea", "hiking"]}}}}'::jsonb ELSE '{{}}'::jsonb END, 1, at, at
FROM bench_customers JOIN bench_names USING (n) ORDER BY n;
-- addresses
-- Everybody lives within some ten kilometres of the home store.
INSERT INTO addresses (customer_id, id, version, created_at, updated_at, collected_at, channel, collector, kind, country, city,
                       latitude, longitude)
SELECT c.id, uuidv7(c.at - now()), 1, c.at, c.at, c.at, 'till', 'system', 'home', 'CN', s.city,
       round((s.latitude + (random() - 0.5) * 0.2)::numeric, 6), round((s.longitude + (random() - 0.5) * 0.2)::numeric, 6)
FROM bench_customers c JOIN stores s ON s.code = c.store ORDER BY c.n;
-- consents
INSERT INTO consents (customer_id, id, decided_at, recorded_at, recorded_by, purpose, channel, state, source)
SELECT id, uuidv7(at - now()), at, at, id, 'marketing', CASE n % 2 WHEN 0 THEN 'sms' ELSE 'any' END,
       CASE n % 5 WHEN 0 THEN 'denied' ELSE 'granted' END, 'till'
FROM bench_customers WHERE n % 3 > 0 ORDER BY n;
INSERT INTO consents (customer_id, id, decided_at, recorded_at, recorded_by, purpose, channel, state, source)
SELECT id, uuidv7(at + interval '1 hour' - now()), at + interval '1 hour', at + interval '1 hour', id, 'marketing', 'sms', 'withdrawn',
       'till'
FROM bench_customers WHERE n % 30 = 1 ORDER BY n;
-- key people
INSERT INTO contacts (customer_id, id, version, created_at, updated_at, collected_at, channel, collector, role, phones, likes,
                      birth_month, birth_day)
SELECT id, uuidv7(at - now()), 1, at, at, at, 'till', 'system', CASE k WHEN 1 THEN 'key_person' ELSE 'buyer' END, '{{}}', '{{}}',
       1 + (n + k) % 12, 1 + (n / 50 + k) % 28
FROM bench_customers, generate_series(1, 2) k WHERE n % 50 = 0 ORDER BY n;
-- accounts
-- One customer in ten buys on account, up to 1000.00; two charges each, of which some are due already.
INSERT INTO credit_accounts (customer_id, credit_limit, balance, version, created_at, updated_at, term_days, currency, status)
SELECT id, 100000, 30000 + n % 90000, 1, at, at, 30, 'CNY', 'active' FROM bench_customers WHERE n % 10 = 0 ORDER BY n;
INSERT INTO receivables (customer_id, id, amount, recorded_at, occurred_on, due_on, kind)
SELECT id, uuidv7(at - now()), CASE k WHEN 1 THEN 30000 ELSE n % 90000 END, at, current_date - 60,
       current_date - 60 + n % 120 + k, 'charge'
FROM bench_customers, generate_series(1, 2) k WHERE n % 10 = 0 AND (k = 1 OR n % 90000 > 0) ORDER BY n;
-- walk-ins
CREATE UNLOGGED TABLE bench_walk_ins AS SELECT uuidv7() AS id, code FROM stores;
INSERT INTO customers (id, kind, status, home_store, version, created_at, updated_at)
SELECT id, 'walk_in', 'active', code, 1, now(), now() FROM bench_walk_ins ORDER BY code;
INSERT INTO identifiers (kind, value, customer_id, id, typed, exclusive, created_at)
SELECT 'walk_in', code, id, uuidv7(), code, true, now() FROM bench_walk_ins ORDER BY code;
-- identifiers
-- Every customer has a card and a phone; one in 25 shares the phone of a neighbour (a family).
-- Phones are spread over 130 to 139, as `lookups.phone` does it too.
INSERT INTO identifiers (kind, value, customer_id, id, typed, exclusive, is_primary, created_at)
SELECT 'phone', '+86' || 13000000000 + n * 736338717::bigint % 1000000000, id, uuidv7(at - now()),
       '0086 ' || 13000000000 + n * 736338717::bigint % 1000000000, false, true, at
FROM bench_customers ORDER BY n;
INSERT INTO identifiers (kind, value, customer_id, id, typed, exclusive, created_at)
SELECT 'phone', '+86' || 13000000000 + (n - 1) * 736338717::bigint % 1000000000, id, uuidv7(at - now()),
       (13000000000 + (n - 1) * 736338717::bigint % 1000000000)::text, false, at
FROM bench_customers WHERE n % 25 = 0 ORDER BY n;
INSERT INTO identifiers (kind, value, customer_id, id, typed, exclusive, created_at)
SELECT 'card', 'C' || lpad(n::text, 8, '0'), id, uuidv7(at - now()), 'C' || lpad(n::text, 8, '0'), true, at
FROM bench_customers ORDER BY n;
INSERT INTO identifiers (kind, value, customer_id, id, typed, exclusive, created_at)
SELECT 'email', email, id, uuidv7(at - now()), email, false, at
FROM bench_customers JOIN bench_names USING (n) WHERE n % 3 = 0 ORDER BY n;
-- search terms
DROP TABLE bench_names;
-- receipts drafted
-- Some customers come often and some never; a year and a half of days up to last week, in the order of their ids.
CREATE UNLOGGED TABLE bench_receipts AS
SELECT i, b.id AS customer_id, uuidv7(d.at - now()) AS id, d.at, b.store, (d.at AT TIME ZONE 'Asia/Shanghai')::date AS day
FROM (SELECT i, 1 + floor(power(random(), 1.5) * {customers})::int AS n,
             now() - interval '7 days' - make_interval(secs => 47300000.0 * ({receipts} - i) / {receipts}) AS at
      FROM generate_series(1, {receipts}) i) d
JOIN bench_customers b USING (n);
CREATE UNLOGGED TABLE bench_lines AS
SELECT r.i, r.customer_id, r.id AS receipt_id, r.day, line, p.code AS product, p.category, q AS quantity,
       p.list_price * q AS gross, CASE WHEN (r.i + line) % 4 = 0 THEN p.list_price * q / 10 ELSE 0 END AS discount, p.cost * q AS cost
FROM bench_receipts r
CROSS JOIN LATERAL (SELECT line, 'P' || lpad((1 + floor(power(random(), 2) * {products})::int)::text, 6, '0') AS code,
                           1 + (r.i + line) % 3 AS q
                    FROM generate_series(1, 1 + r.i % 3) line) l
JOIN products p USING (code);
ANALYZE bench_receipts;
ANALYZE bench_lines;
-- receipts
INSERT INTO receipts (customer_id, id, occurred_at, recorded_at, gross, discount, net, tax, cost, base_net, base_discount,
                      base_margin, base_returns, business_date, one_off, source, number, store, till, kind, currency,
                      promotions, flags, tenders, extensions)
SELECT r.customer_id, r.id, r.at, r.at, s.gross, s.discount, s.gross - s.discount, s.tax, s.cost, s.gross - s.discount, s.discount,
       s.gross - s.discount - s.tax - s.cost, 0, r.day, false, 'till', r.store || '-' || r.i, r.store, (1 + r.i % 4)::text,
       'sale', 'CNY', '{{}}', '{{}}', jsonb_build_array(jsonb_build_object('kind', 'cash', 'amount', s.gross - s.discount)), '{{}}'
FROM bench_receipts r
JOIN (SELECT i, sum(gross)::bigint AS gross, sum(discount)::bigint AS discount, sum(cost)::bigint AS cost,
             sum((gross - discount) / 10)::bigint AS tax FROM bench_lines GROUP BY i) s USING (i)
ORDER BY r.i;
-- receipt lines
INSERT INTO receipt_lines (customer_id, receipt_id, gross, discount, net, tax, cost, base_net, base_margin, business_date, line,
                           quantity, product, category)
SELECT customer_id, receipt_id, gross, discount, gross - discount, (gross - discount) / 10, cost, gross - discount,
       gross - discount - (gross - discount) / 10 - cost, day, line, quantity, product, category
FROM bench_lines ORDER BY i, line;
-- receipt numbers
INSERT INTO receipt_numbers (source, number, customer_id, receipt_id, content_hash)
SELECT 'till', store || '-' || i, customer_id, id, sha256(i::text::bytea) FROM bench_receipts ORDER BY i;
-- figures
INSERT INTO customer_days (customer_id, net, margin, discount, returns, first_purchase_at, last_purchase_at, business_date,
                           receipts, costed, last_store)
SELECT customer_id, sum(base_net), sum(base_margin), sum(base_discount), 0, min(occurred_at) FILTER (WHERE net > 0),
       max(occurred_at) FILTER (WHERE net > 0), business_date, count(*), count(base_margin), max(store)
FROM receipts GROUP BY customer_id, business_date ORDER BY 8, 1;
INSERT INTO customer_categories (customer_id, net, lines, category)
SELECT customer_id, sum(base_net), count(*), category FROM receipt_lines GROUP BY customer_id, category ORDER BY 1;
INSERT INTO customer_figures (customer_id, receipts, occasions, net, costed, margin, discount, returns, first_purchase_at,
                              last_purchase_at, gap_sum, gap_square_sum, first_occasion, last_occasion, last_store, favourite_category)
SELECT customer_id, sum(receipts), count(*), sum(net), sum(costed), sum(margin), sum(discount), 0, min(first_purchase_at),
       max(last_purchase_at), coalesce(sum(gap), 0), coalesce(sum(gap * gap), 0), min(business_date), max(business_date),
       max(last_store), NULL
FROM (SELECT *, business_date - lag(business_date) OVER (PARTITION BY customer_id ORDER BY business_date) AS gap
      FROM customer_days) d
GROUP BY customer_id ORDER BY customer_id;
UPDATE customer_figures f SET favourite_category = c.category
FROM (SELECT DISTINCT ON (customer_id) customer_id, category FROM customer_categories ORDER BY customer_id, net DESC, category) c
WHERE c.customer_id = f.customer_id;
-- tidy
DROP TABLE bench_walk_ins;
DROP TABLE bench_lines;
DROP TABLE bench_receipts;
DROP TABLE bench_customers;
