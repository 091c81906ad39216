-- The two roles and the database, once, when the data folder is empty. The passwords are those of the environment.
\getenv owner_password OWNER_PASSWORD
\getenv service_password SERVICE_PASSWORD
create role app_service nologin;
create role answers_owner login createrole password :'owner_password';
create role answers_service login in role app_service password :'service_password';
create database answers owner answers_owner;
\connect answers
create extension vector;
