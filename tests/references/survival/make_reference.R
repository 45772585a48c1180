# SPDX-License-Identifier: BSD-3-Clause
# Golden values for the survival core, made with R's 'survival' and 'glmnet' packages.
# Usage:  Rscript make_reference.R OUTPUT_FOLDER
# Writes <name>.csv (the exact inputs, one row per record) and <name>.json (the results).
# Numbers are printed with 17 significant digits.
suppressPackageStartupMessages({library(survival); library(glmnet)})
args <- commandArgs(trailingOnly = TRUE)
out  <- if (length(args) >= 1) args[1] else "."
dir.create(out, showWarnings = FALSE, recursive = TRUE)
options(digits = 17)

# Plain JSON writer (jsonlite stops at 15 digits). Every vector, also of length 1, is an array; a matrix is an
# array of rows; a named list is an object; NA, NaN and infinities are the strings "NA", "NaN", "Inf", "-Inf".
jnum <- function(v) ifelse(is.nan(v), "\"NaN\"", ifelse(is.na(v), "\"NA\"", ifelse(is.infinite(v), ifelse(v > 0, "\"Inf\"", "\"-Inf\""), sprintf("%.17g", v))))
js <- function(x) {
  if (is.null(x)) return("null")
  if (is.list(x)) { v <- vapply(x, js, "")
    if (is.null(names(x))) return(paste0("[", paste(v, collapse = ","), "]"))
    return(paste0("{", paste0("\"", names(x), "\":", v, collapse = ","), "}")) }
  if (is.matrix(x)) return(paste0("[", paste(vapply(seq_len(nrow(x)), function(i) js(as.vector(x[i, ])), ""), collapse = ","), "]"))
  if (is.logical(x)) return(paste0("[", paste(ifelse(is.na(x), "\"NA\"", ifelse(x, "true", "false")), collapse = ","), "]"))
  if (is.character(x)) return(paste0("[", paste0("\"", x, "\"", collapse = ","), "]"))
  paste0("[", paste(jnum(as.numeric(x)), collapse = ","), "]")
}
save_json <- function(x, name) {
  x$meta <- list(R = R.version.string, survival = as.character(packageVersion("survival")),
                 glmnet = as.character(packageVersion("glmnet")))
  writeLines(js(x), file.path(out, paste0(name, ".json")))
}
save_csv <- function(d, name) {
  for (j in seq_along(d)) if (is.factor(d[[j]])) d[[j]] <- as.character(d[[j]])
  f <- d
  for (j in seq_along(f)) if (is.numeric(f[[j]])) f[[j]] <- ifelse(is.na(f[[j]]), "", trimws(formatC(f[[j]], digits = 17, format = "g")))
  write.csv(f, file.path(out, paste0(name, ".csv")), row.names = FALSE, quote = FALSE, na = "")
}

tab <- function(f) {
  s <- if (is.null(f$strata)) NULL else as.list(f$strata)
  list(strata_sizes = s, n = as.numeric(f$n), time = f$time, n_risk = f$n.risk, n_event = f$n.event,
       n_censor = f$n.censor, n_enter = if (is.null(f$n.enter)) NULL else f$n.enter,
       surv = f$surv, std_err = f$std.err, logse = f$logse, cumhaz = f$cumhaz, std_chaz = f$std.chaz,
       lower = f$lower, upper = f$upper)
}
qs <- c(0.1, 0.25, 0.5, 0.75, 0.9)
quant <- function(f) { q <- quantile(f, probs = qs)
  m <- function(z) if (is.null(dim(z))) as.numeric(z) else unname(as.matrix(z))
  list(probs = qs, quantile = m(q$quantile), lower = m(q$lower), upper = m(q$upper)) }
rmst <- function(f, tau) { s <- summary(f, rmean = tau)$table
  if (is.null(dim(s))) list(tau = tau, rmean = unname(s["rmean"]), se = unname(s["se(rmean)"]))
  else list(tau = tau, rmean = unname(s[, "rmean"]), se = unname(s[, "se(rmean)"])) }

# all Kaplan-Meier outputs for one formula
km_all <- function(form, data, w = NULL, tau = NULL, times = NULL) {
  d <- data; d$.w <- if (is.null(w)) rep(1, nrow(d)) else w
  fit <- function(...) if (is.null(w)) survfit(form, data = d, ...) else survfit(form, data = d, weights = .w, ...)
  r <- list()
  for (ct in c("log", "log-log", "plain", "logit", "arcsin")) r[[paste0("km_", ct)]] <- tab(fit(conf.type = ct))
  r$km_log_90 <- tab(fit(conf.type = "log", conf.int = 0.90))[c("lower", "upper")]
  r$km_log_modified <- tab(fit(conf.type = "log", conf.lower = "modified"))[c("lower", "upper")]
  r$km_log_peto <- tab(fit(conf.type = "log", conf.lower = "peto"))[c("lower", "upper")]
  # stype 2 = exp(-cumulative hazard); ctype 1 = Nelson-Aalen, 2 = Fleming-Harrington tie correction
  r$exp_na <- tab(fit(stype = 2, ctype = 1)); r$exp_fh <- tab(fit(stype = 2, ctype = 2)); r$km_fh <- tab(fit(stype = 1, ctype = 2))
  f <- fit(conf.type = "log"); r$quantile_log <- quant(f)
  r$quantile_loglog <- quant(fit(conf.type = "log-log")); r$quantile_plain <- quant(fit(conf.type = "plain"))
  if (!is.null(tau)) r$rmst <- lapply(tau, function(t) { z <- try(rmst(f, t), silent = TRUE); if (inherits(z, "try-error")) list(tau = t, error = "R refuses") else z })
  if (!is.null(times)) { s <- summary(f, times = times, extend = TRUE)
    r$at_times <- list(times = s$time, surv = s$surv, std_err = s$std.err, n_risk = s$n.risk, n_event = s$n.event,
                       lower = s$lower, upper = s$upper, strata = if (is.null(s$strata)) NULL else as.character(s$strata)) }
  r
}
diff_all <- function(form, data) lapply(setNames(c(0, 0.5, 1), c("rho0", "rho0.5", "rho1")), function(rho) {
  s <- survdiff(form, data = data, rho = rho)
  list(rho = rho, n = as.numeric(s$n), obs = s$obs, exp = s$exp, var = unname(s$var), chisq = s$chisq,
       df = sum(rowSums(as.matrix(s$exp)) > 0) - 1, pvalue = s$pvalue) })
cox_ref <- function(form, data, ties, w = NULL, times = NULL) {
  d <- data; d$.w <- if (is.null(w)) rep(1, nrow(d)) else w
  ctl <- coxph.control(eps = 1e-12, iter.max = 100, toler.chol = 1e-14)
  f <- if (is.null(w)) coxph(form, data = d, ties = ties, control = ctl, x = TRUE, model = TRUE) else coxph(form, data = d, weights = .w, ties = ties, control = ctl, robust = FALSE, x = TRUE, model = TRUE)
  b <- basehaz(f, centered = FALSE)
  r <- list(ties = ties, coef_names = names(coef(f)), coef = unname(coef(f)), var = unname(f$var), loglik_null = f$loglik[1],
       loglik = f$loglik[2], score_test = f$score, wald_test = f$wald.test, means = unname(f$means), n = f$n, nevent = f$nevent,
       basehaz_time = b$time, basehaz = b$hazard, basehaz_strata = if (is.null(b$strata)) NULL else as.character(b$strata),
       linear_predictor = unname(f$linear.predictors), martingale = unname(residuals(f, "martingale")),
       deviance = unname(residuals(f, "deviance")), score_resid = unname(as.matrix(residuals(f, "score"))),
       schoenfeld = unname(as.matrix(residuals(f, "schoenfeld"))), dfbeta = unname(as.matrix(residuals(f, "dfbeta"))))
  g <- try(coxph(form, data = d, weights = .w, ties = ties, control = ctl, robust = TRUE), silent = TRUE)
  if (!inherits(g, "try-error")) r$robust_var <- unname(g$var)
  z <- cox.zph(f, transform = "km"); r$zph_km <- unname(z$table); z <- cox.zph(f, transform = "identity"); r$zph_identity <- unname(z$table)
  r
}
# (start, stop] data: only timewt = "n"; every other weighting crashes R in survival 3.5-3.
conc_ref <- function(form, data, tws = c("n", "S", "S/G", "n/G2", "I"), ...) { lapply(setNames(tws, gsub("/", "_over_", tws)), function(tw) {
  s <- concordance(form, data = data, timewt = tw, ...)
  list(timewt = tw, concordance = unname(s$concordance), var = unname(as.numeric(s$var)), count = as.list(s$count), cvar = unname(s$cvar)) }) }

# ---------------------------------------------------------------- real data
lung2 <- with(lung, data.frame(time = time, event = as.integer(status == 2), sex = sex, age = age, ph_ecog = ph.ecog,
              ph_karno = ph.karno, pat_karno = pat.karno, meal_cal = meal.cal, wt_loss = wt.loss, inst = inst))
save_csv(lung2, "lung")
cc <- lung2[complete.cases(lung2[, c("age", "sex", "ph_ecog")]), ]
set.seed(1); w_lung <- ((seq_len(nrow(lung2)) * 7) %% 5 + 1) / 2      # 0.5 .. 2.5, no random numbers
w_cc <- ((seq_len(nrow(cc)) * 7) %% 5 + 1) / 2
save_json(list(
  note = "event = (status==2); cox_* use the rows with age, sex, ph_ecog all present, in file order; weights w_i = ((7*i) mod 5 + 1)/2, i = 1..n in file order (for Cox: i counts the complete rows)",
  km = km_all(Surv(time, event) ~ 1, lung2, tau = c(200, 365, 1000), times = c(0, 5, 100, 180.5, 365, 1000, 1022, 2000)),
  km_sex = km_all(Surv(time, event) ~ sex, lung2, tau = c(365, 900), times = c(100, 365)),
  km_weighted = km_all(Surv(time, event) ~ 1, lung2, w = w_lung, tau = 365),
  reverse_km = tab(survfit(Surv(time, 1 - event) ~ 1, data = lung2)),
  diff_sex = diff_all(Surv(time, event) ~ sex, lung2),
  diff_ecog = diff_all(Surv(time, event) ~ ph_ecog, lung2[!is.na(lung2$ph_ecog), ]),
  diff_sex_strata_inst = diff_all(Surv(time, event) ~ sex + strata(inst), lung2[!is.na(lung2$inst), ]),
  cox_efron = cox_ref(Surv(time, event) ~ age + sex + ph_ecog, cc, "efron"),
  cox_breslow = cox_ref(Surv(time, event) ~ age + sex + ph_ecog, cc, "breslow"),
  cox_efron_weighted = cox_ref(Surv(time, event) ~ age + sex + ph_ecog, cc, "efron", w = w_cc),
  cox_breslow_weighted = cox_ref(Surv(time, event) ~ age + sex + ph_ecog, cc, "breslow", w = w_cc),
  cox_efron_strata_sex = cox_ref(Surv(time, event) ~ age + ph_ecog + strata(sex), cc, "efron"),
  concordance_age = conc_ref(Surv(time, event) ~ age, cc, reverse = TRUE),
  concordance_ecog = conc_ref(Surv(time, event) ~ ph_ecog, cc, reverse = TRUE)), "lung")

vet <- with(veteran, data.frame(time = time, event = as.integer(status), trt = trt, celltype = as.integer(celltype), karno = karno,
            diagtime = diagtime, age = age, prior = prior)); save_csv(vet, "veteran")
save_json(list(note = "celltype codes 1 squamous, 2 smallcell, 3 adeno, 4 large",
  km = km_all(Surv(time, event) ~ 1, vet, tau = c(100, 500), times = c(30, 100, 365)), km_cell = km_all(Surv(time, event) ~ celltype, vet, tau = 200),
  diff_trt = diff_all(Surv(time, event) ~ trt, vet), diff_cell = diff_all(Surv(time, event) ~ celltype, vet),
  diff_trt_strata_cell = diff_all(Surv(time, event) ~ trt + strata(celltype), vet),
  cox_efron = cox_ref(Surv(time, event) ~ trt + karno + diagtime + age + prior, vet, "efron"),
  cox_breslow = cox_ref(Surv(time, event) ~ trt + karno + diagtime + age + prior, vet, "breslow"),
  cox_efron_strata_cell = cox_ref(Surv(time, event) ~ trt + karno + strata(celltype), vet, "efron"),
  concordance_karno = conc_ref(Surv(time, event) ~ karno, vet)), "veteran")

ov <- with(ovarian, data.frame(time = futime, event = as.integer(fustat), age = age, resid_ds = resid.ds, rx = rx, ecog_ps = ecog.ps)); save_csv(ov, "ovarian")
save_json(list(km = km_all(Surv(time, event) ~ 1, ov, tau = c(365, 1000), times = c(59, 100, 365, 638, 1227)),
  km_rx = km_all(Surv(time, event) ~ rx, ov, tau = 600), diff_rx = diff_all(Surv(time, event) ~ rx, ov),
  cox_efron = cox_ref(Surv(time, event) ~ age + resid_ds + rx + ecog_ps, ov, "efron"),
  cox_breslow = cox_ref(Surv(time, event) ~ age + resid_ds + rx + ecog_ps, ov, "breslow"),
  concordance_age = conc_ref(Surv(time, event) ~ age, ov, reverse = TRUE)), "ovarian")

am <- with(aml, data.frame(time = time, event = as.integer(status), maintained = as.integer(x == "Maintained"))); save_csv(am, "aml")
save_json(list(km = km_all(Surv(time, event) ~ 1, am, tau = 50, times = c(9, 23, 50)), km_x = km_all(Surv(time, event) ~ maintained, am, tau = 40),
  diff_x = diff_all(Surv(time, event) ~ maintained, am),
  cox_efron = cox_ref(Surv(time, event) ~ maintained, am, "efron"), cox_breslow = cox_ref(Surv(time, event) ~ maintained, am, "breslow"),
  concordance_x = conc_ref(Surv(time, event) ~ maintained, am)), "aml")

hh <- with(heart, data.frame(start = start, stop = stop, event = as.integer(event), age = age, year = year, surgery = as.integer(surgery),
           transplant = as.integer(as.character(transplant)), id = id)); save_csv(hh, "heart")
save_json(list(note = "counting-process rows (start, stop]; km ignores id, i.e. every row is an independent left-truncated record",
  km = { d <- hh; d$id <- NULL; km_all(Surv(start, stop, event) ~ 1, d, tau = 500, times = c(1, 30, 100, 365)) },
  km_transplant = km_all(Surv(start, stop, event) ~ transplant, hh[, setdiff(names(hh), "id")], tau = 300),
  cox_efron = cox_ref(Surv(start, stop, event) ~ age + year + surgery + transplant, hh, "efron"),
  cox_breslow = cox_ref(Surv(start, stop, event) ~ age + year + surgery + transplant, hh, "breslow"),
  cox_efron_strata_surgery = cox_ref(Surv(start, stop, event) ~ age + year + transplant + strata(surgery), hh, "efron"),
  concordance_age = conc_ref(Surv(start, stop, event) ~ age, hh, tws = "n", reverse = TRUE)), "heart")

mg <- with(mgus2, data.frame(entry = age, exit = age + futime / 12, event = as.integer(death), sex = as.integer(sex == "M"), hgb = hgb, creat = creat, mspike = mspike))
mg <- mg[mg$exit > mg$entry, ]; save_csv(mg, "mgus2_age")
mgc <- mg[complete.cases(mg), ]
save_json(list(note = "left truncation: age at diagnosis -> age at death or last contact; cox uses complete rows in file order",
  km = km_all(Surv(entry, exit, event) ~ 1, mg, times = c(40, 60, 70, 80, 90, 100)),
  km_sex = km_all(Surv(entry, exit, event) ~ sex, mg),
  cox_efron = cox_ref(Surv(entry, exit, event) ~ sex + hgb + creat + mspike, mgc, "efron"),
  cox_breslow = cox_ref(Surv(entry, exit, event) ~ sex + hgb + creat + mspike, mgc, "breslow"),
  concordance_hgb = conc_ref(Surv(entry, exit, event) ~ hgb, mgc, tws = "n")), "mgus2_age")

pb <- with(pbc, data.frame(time = time, event = as.integer(status == 2), status = status, trt = trt, age = age, sex = as.integer(sex == "f"),
          ascites = ascites, hepato = hepato, spiders = spiders, edema = edema, bili = bili, chol = chol, albumin = albumin, copper = copper,
          alk_phos = alk.phos, ast = ast, trig = trig, platelet = platelet, protime = protime, stage = stage)); save_csv(pb, "pbc")
pbcc <- pb[complete.cases(pb), ]
vars <- c("trt","age","sex","ascites","hepato","spiders","edema","bili","chol","albumin","copper","alk_phos","ast","trig","platelet","protime","stage")
# glmnet 4.1-6 puts records censored at an event time into the risk set or not depending on the row order (null deviance
# 1094.8401 here; coxph and the usual convention give 1094.8584). Moving censored times half a day up gives the convention.
X <- as.matrix(pbcc[, vars]); y <- Surv(pbcc$time + 0.5 * (1 - pbcc$event), pbcc$event)
lam <- 0.25 * 0.8^(0:24)
gl <- function(alpha, pf = rep(1, ncol(X)), w = NULL, yy = y, std = TRUE) { f <- glmnet(X, yy, family = "cox", alpha = alpha, lambda = lam, thresh = 1e-20, maxit = 1e7,
     standardize = std, penalty.factor = pf, weights = if (is.null(w)) rep(1, nrow(X)) else w)
  list(alpha = alpha, lambda = f$lambda, beta = unname(as.matrix(f$beta)), dev_ratio = f$dev.ratio, nulldev = f$nulldev, df = f$df, penalty_factor = pf, standardize = std) }
wp <- ((seq_len(nrow(X)) * 7) %% 5 + 1) / 2
lmax <- function(alpha) glmnet(X, y, family = "cox", alpha = alpha, nlambda = 5)$lambda[1]
save_json(list(note = "event=(status==2); coxnet: complete rows in file order, columns in 'vars' order, Breslow ties, lambda = 0.25*0.8^(0:24), coefficients on the original scale",
  vars = vars, km = km_all(Surv(time, event) ~ 1, pb, tau = 3650, times = c(365, 1825, 3650)),
  cox_efron = cox_ref(as.formula(paste("Surv(time, event) ~", paste(vars, collapse = "+"))), pbcc, "efron"),
  cox_breslow = cox_ref(as.formula(paste("Surv(time, event) ~", paste(vars, collapse = "+"))), pbcc, "breslow"),
  coxnet_lasso = gl(1), coxnet_half = gl(0.5), coxnet_ridgeish = gl(0.05), coxnet_weighted = gl(1, w = wp),
  coxnet_unstandardised = gl(1, std = FALSE),
  coxnet_pf = gl(1, pf = c(0, rep(1, 15), 2)), lambda_max = list(lasso = lmax(1), half = lmax(0.5)),
  concordance_bili = conc_ref(Surv(time, event) ~ bili, pbcc, reverse = TRUE)), "pbc")

fl <- with(flchain, data.frame(time = futime, event = as.integer(death), age = age, sex = as.integer(sex == "M"), flc_grp = flc.grp, kappa = kappa, lambda = lambda)); save_csv(fl, "flchain")
slim <- function(r) { for (k in names(r)) if (is.list(r[[k]]) && !is.null(r[[k]]$linear_predictor)) for (z in c("linear_predictor","martingale","deviance","score_resid","schoenfeld","dfbeta")) r[[k]][[z]] <- NULL; r }
kmf <- km_all(Surv(time, event) ~ 1, fl, tau = 4000, times = c(0, 1000, 2000, 4000)); kmf <- kmf[c("km_log", "km_log-log", "quantile_log", "rmst", "at_times")]
save_json(slim(list(note = "n = 7874, heavy ties, three records have time 0", km = kmf, diff_grp = diff_all(Surv(time, event) ~ flc_grp, fl), diff_sex = diff_all(Surv(time, event) ~ sex, fl),
  cox_efron = cox_ref(Surv(time, event) ~ age + sex + kappa + lambda, fl, "efron"), cox_breslow = cox_ref(Surv(time, event) ~ age + sex + kappa + lambda, fl, "breslow"),
  concordance_age = conc_ref(Surv(time, event) ~ age, fl, reverse = TRUE))), "flchain")

# ---------------------------------------------------------------- hand-made edge cases
edge <- list(
  ties_event_before_censor = data.frame(time = c(1, 1, 2, 2, 2, 3, 4, 4, 5, 6), event = c(1, 0, 1, 1, 0, 0, 1, 1, 0, 1)),
  all_censored = data.frame(time = c(1, 2, 3), event = c(0, 0, 0)),
  all_events = data.frame(time = c(1, 2, 3, 4), event = c(1, 1, 1, 1)),
  single_event = data.frame(time = 2, event = 1), single_censored = data.frame(time = 2, event = 0),
  last_is_censored = data.frame(time = c(1, 2, 3, 4, 5), event = c(1, 0, 1, 0, 0)),
  all_tied = data.frame(time = rep(3, 6), event = c(1, 1, 0, 1, 0, 0)),
  time_zero = data.frame(time = c(0, 0, 1, 2, 2), event = c(1, 0, 1, 0, 1)),
  half_exactly = data.frame(time = c(1, 2, 3, 4), event = c(1, 1, 0, 1)),
  half_plateau_to_end = data.frame(time = c(1, 2, 3, 5), event = c(1, 1, 0, 0)),
  negative_times = data.frame(time = c(-2, -1, 0, 1.5, 3), event = c(1, 0, 1, 1, 0)))
r <- lapply(edge, function(d) list(time = d$time, event = d$event, result = km_all(Surv(time, event) ~ 1, d, tau = 2.5)))
tr <- list(simple = data.frame(start = c(0, 0, 1, 2, 2, 3), stop = c(2, 4, 3, 5, 3, 6), event = c(1, 0, 1, 1, 0, 1)),
  gap = data.frame(start = c(0, 0, 5, 5), stop = c(1, 2, 6, 7), event = c(1, 1, 1, 0)),          # risk set empties: S = 0 from time 2
  entry_at_event_time = data.frame(start = c(0, 2, 1), stop = c(2, 4, 3), event = c(1, 1, 1)))
r$trunc <- lapply(tr, function(d) list(start = d$start, stop = d$stop, event = d$event, result = km_all(Surv(start, stop, event) ~ 1, d)))
d <- edge$ties_event_before_censor
r$integer_weights <- { w <- c(2, 1, 3, 1, 1, 2, 1, 1, 4, 2); list(time = d$time, event = d$event, weight = w, result = km_all(Surv(time, event) ~ 1, d, w = w, tau = 4)) }
r$fractional_weights <- { w <- c(0.5, 1, 1.5, 0.25, 2, 1, 1, 0.75, 1, 3); list(time = d$time, event = d$event, weight = w, result = km_all(Surv(time, event) ~ 1, d, w = w, tau = 4)) }
x <- c(1, 1, 2, 2, 3, 3, 1, 2, 3, 2)
r$concordance_ties <- list(time = d$time, event = d$event, x = x, result = { dd <- d; dd$x <- x; conc_ref(Surv(time, event) ~ x, dd) })
r$float_ties <- { d2 <- data.frame(time = c(0.1 + 0.2, 0.3, 1, 1 + 1e-12, 2), event = c(1, 1, 1, 0, 1)); list(time = d2$time, event = d2$event,
   timefix_true = tab(survfit(Surv(time, event) ~ 1, data = d2)), timefix_false = tab(survfit(Surv(time, event) ~ 1, data = d2, timefix = FALSE))) }
save_json(r, "edge_cases")
cat("done\n")
